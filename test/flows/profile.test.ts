import { beforeAll, expect, test } from 'vitest'
import { categories } from '#core/domain/catalogue.ts'
import { matches } from '#core/http/validate.ts'
import type { Categories, CategoryHistory, CategoryView, Me, SavedCategory } from '../../schemas/types.gen.ts'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { signInAtPod, startTestVault } from '../vault.ts'
import type { TestVault, VaultBrowser } from '../vault.ts'

let pods: TestPods

beforeAll(async () => {
  pods = await sharedPods()
})

/** Somebody whose pod the test can also reach by another Solid app of hers. */
async function owner(vault: TestVault) {
  const person = await pods.customer()
  const browser = vault.browser()
  const query = await signInAtPod(pods, browser, person, { issuer: pods.server.baseUrl })
  await browser.post('/api/sign-in/complete', { query })
  return { ...person, browser, me: (await browser.get('/api/me')).body as Me }
}

async function read(browser: VaultBrowser, category: string): Promise<CategoryView> {
  const { status, body } = await browser.get('/api/categories')
  expect(status).toBe(200)
  expect(matches('api/categories.json', body)).toBe(true)
  const found = (body as Categories).categories.find((view) => view.category === category)
  if (found === undefined) throw new Error('no such category')
  return found
}

const turtle = { 'content-type': 'text/turtle' }

test('a new pod shows every category, empty, with its form and what is worked out from it', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await owner(vault)
  const { body } = await browser.get('/api/categories')
  expect((body as Categories).categories.map(({ category }) => category)).toEqual(
    categories.map(({ id }) => id),
  )
  expect(await read(browser, 'profile')).toMatchObject({
    values: {},
    etag: null,
    schema: { properties: { birthDate: { title: 'Birth date', format: 'date' } } },
  })
  const { derived } = await read(browser, 'profile')
  expect(derived.find(({ field }) => field === 'profile.ageOver18')).toMatchObject({
    missing: true,
    from: ['profile.birthDate'],
  })
})

test('what is saved stands in the pod as RDF that other apps read and change', async () => {
  await using vault = await startTestVault(pods)
  const alice = await owner(vault)
  const values = { name: 'Alice Quist', birthDate: '1990-05-17', languages: ['de', 'en'] }
  const saved = await alice.browser.put('/api/categories/profile', { etag: null, values })
  expect(saved).toMatchObject({ status: 200, body: { values } })
  const url = `${alice.container}profile.ttl`
  const document = await alice.fetch(url, { headers: { accept: 'text/turtle' } })
  expect(document.headers.get('etag')).toBe((saved.body as SavedCategory).etag)
  const text = await document.text()
  expect(text).toMatch(/vcard(#|:)fn/)
  expect(text).toContain('Alice Quist')

  const added = `${text}\n<#me> <http://xmlns.com/foaf/0.1/nick> "Ally".`
  const etag = document.headers.get('etag') ?? ''
  const body = added.replace('Alice Quist', 'Alice Berg')
  expect((await alice.fetch(url, { method: 'PUT', headers: { ...turtle, 'if-match': etag }, body })).ok).toBe(
    true,
  )
  const view = await read(alice.browser, 'profile')
  expect(view.values).toEqual({ ...values, name: 'Alice Berg' })
  expect(view.derived.find(({ field }) => field === 'profile.ageOver18')).toMatchObject({ value: true })

  // A save keeps what the catalogue does not know.
  const again = await alice.browser.put('/api/categories/profile', {
    etag: view.etag,
    values: { name: 'Alice' },
  })
  expect(again).toMatchObject({ status: 200, body: { values: { name: 'Alice' } } })
  expect(await (await alice.fetch(url)).text()).toContain('Ally')
})

test('a change that another app made meanwhile is not lost', async () => {
  await using vault = await startTestVault(pods)
  const alice = await owner(vault)
  const first = await alice.browser.put('/api/categories/diet', {
    etag: null,
    values: { diet: ['VeganDiet'] },
  })
  const { etag } = first.body as SavedCategory
  const url = `${alice.container}diet.ttl`
  const body = `<#me> <https://schema.org/suitableForDiet> <https://schema.org/HalalDiet>.`
  expect((await alice.fetch(url, { method: 'PUT', headers: turtle, body })).ok).toBe(true)
  const late = await alice.browser.put('/api/categories/diet', { etag, values: { diet: ['KosherDiet'] } })
  expect(late).toMatchObject({ status: 409, body: { code: 'pod-changed' } })
  expect((await read(alice.browser, 'diet')).values).toEqual({ diet: ['HalalDiet'] })
  // Neither a form for a new document nor one for a document that is gone overwrites.
  const blind = await alice.browser.put('/api/categories/diet', { etag: null, values: {} })
  expect(blind).toMatchObject({ status: 409, body: { code: 'pod-changed' } })
  expect((await alice.fetch(url, { method: 'DELETE' })).ok).toBe(true)
  const gone = await alice.browser.put('/api/categories/diet', { etag, values: {} })
  expect(gone).toMatchObject({ status: 409, body: { code: 'pod-changed' } })
})

test('of two tabs that save at once one wins, and the other hears of it', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await owner(vault)
  let etag: string | null = null
  for (let round = 0; round < 5; round++) {
    const names = ['one', 'two', 'three'].map((name) => `${name} ${round}`)
    const answers = await Promise.all(
      names.map((name) => browser.put('/api/categories/profile', { etag, values: { name } })),
    )
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409])
    const winner = names[answers.findIndex(({ status }) => status === 200)]
    const view = await read(browser, 'profile')
    expect(view.values).toEqual({ name: winner })
    etag = view.etag
  }
})

test('values that do not fit are refused with a pointer to each, and the pod stays as it was', async () => {
  await using vault = await startTestVault(pods)
  const { browser } = await owner(vault)
  const values = { name: '', birthDate: 'tomorrow', nickname: 'Ally' }
  const refused = await browser.put('/api/categories/profile', { etag: null, values })
  expect(refused).toMatchObject({ status: 400, body: { code: 'invalid-input' } })
  const { errors } = refused.body as { errors: { pointer: string }[] }
  expect(errors.map(({ pointer }) => pointer).toSorted()).toEqual([
    '/values/birthDate',
    '/values/name',
    '/values/nickname',
  ])
  expect(JSON.stringify(refused.body)).not.toContain('tomorrow')
  expect((await read(browser, 'profile')).etag).toBeNull()
  expect((await browser.put('/api/categories/wealth', { etag: null, values: {} })).status).toBe(404)
  expect((await browser.put('/api/categories/profile', { values: {} })).status).toBe(400)
  const large = { name: 'x'.repeat(600_000) }
  expect((await browser.put('/api/categories/profile', { etag: null, values: large })).status).toBe(413)
  expect((await vault.browser().put('/api/categories/profile', { etag: null, values: {} })).status).toBe(401)
})

test('a document that a rule of its own shuts even to her does not hide the others', async () => {
  await using vault = await startTestVault(pods)
  const alice = await owner(vault)
  await alice.browser.put('/api/categories/profile', { etag: null, values: { name: 'Alice' } })
  await alice.fetch(`${alice.container}diet.ttl`, { method: 'PUT', headers: turtle, body: '<#a> <#b> 1.' })
  const rules = `<#x> a <http://www.w3.org/ns/auth/acl#Authorization>; <http://www.w3.org/ns/auth/acl#agent> <https://other.example/#me>;
    <http://www.w3.org/ns/auth/acl#accessTo> <${alice.container}diet.ttl>; <http://www.w3.org/ns/auth/acl#mode> <http://www.w3.org/ns/auth/acl#Read>.`
  const shut = { method: 'PUT', headers: turtle, body: rules }
  expect((await alice.fetch(`${alice.container}diet.ttl.acl`, shut)).ok).toBe(true)
  expect(await read(alice.browser, 'diet')).toMatchObject({
    unreadable: expect.stringMatching(/does not let/),
  })
  expect(await read(alice.browser, 'profile')).toMatchObject({ values: { name: 'Alice' } })
})

test('a document that cannot be read is shown as such and never overwritten', async () => {
  await using vault = await startTestVault(pods)
  const alice = await owner(vault)
  const url = `${alice.container}profile.ttl`
  const body = `<#me> <http://www.w3.org/2006/vcard/ns#fn> "One", "Two".`
  await alice.fetch(url, { method: 'PUT', headers: turtle, body })
  const view = await read(alice.browser, 'profile')
  expect(view.unreadable).toMatch(/name/i)
  const answer = await alice.browser.put('/api/categories/profile', {
    etag: view.etag,
    values: { name: 'Three' },
  })
  expect(answer).toMatchObject({ body: { code: 'pod-unreadable' } })
  const kept = await (await alice.fetch(url)).text()
  expect(kept).toContain('One')
  expect(kept).toContain('Two')
  // The other categories are not held up by it.
  expect((await alice.browser.put('/api/categories/diet', { etag: null, values: {} })).status).toBe(200)
})

test('what a value was before is kept in her pod, for nobody but her, and can be forgotten', async () => {
  await using vault = await startTestVault(pods)
  const alice = await owner(vault)
  expect((await alice.browser.post('/api/pod/connect')).status).toBe(200)
  const put = async (values: object, how?: string) => {
    const { etag } = await read(alice.browser, 'contact')
    const saved = await alice.browser.put('/api/categories/contact', { etag, values, ...(how && { how }) })
    expect(saved).toMatchObject({ status: 200, body: { values, noted: true } })
    return saved.body as SavedCategory
  }
  const history = async () => {
    const { status, body } = await alice.browser.get('/api/categories/contact/history')
    expect([status, matches('api/category-history.json', body)]).toEqual([200, true])
    return (body as CategoryHistory).changes
  }
  expect(await history()).toEqual([])
  await put({ phone: '+49 30 1' })
  const { derived } = await put({ phone: '+49 30 2', address: { country: 'DE' } }, 'import')
  expect(derived.find(({ field }) => field === 'contact.country')).toMatchObject({ value: 'DE' })

  // Another app: seen at once, noted with the next save, as of when the pod was changed.
  const url = `${alice.container}contact.ttl`
  const text = await (await alice.fetch(url)).text()
  const body = text.replace('+49%2030%202', '+49%2030%203').replace('tel:+49 30 2', 'tel:+49%2030%203')
  expect((await alice.fetch(url, { method: 'PUT', headers: turtle, body })).ok).toBe(true)
  expect((await history())[0]).toMatchObject({ field: 'contact.phone', how: 'elsewhere', before: '+49 30 2' })
  await put({ phone: '+49 30 4', address: { country: 'DE' } }, 'undo')
  const told = (await history()).map(({ field, how, before }) => [field, how, before])
  expect(told).toEqual([
    ['contact.phone', 'undo', '+49 30 3'],
    ['contact.phone', 'elsewhere', '+49 30 2'],
    ['contact.address', 'import', undefined],
    ['contact.phone', 'import', '+49 30 1'],
    ['contact.phone', 'here', undefined],
  ])

  const past = `${alice.container}history/`
  for (const place of [past, `${past}contact.ttl`, `${past}.acl`])
    expect([place, (await fetch(place)).status]).toEqual([place, 401])
  expect(await (await alice.fetch(`${past}contact.ttl`)).text()).toContain('vrm:FieldRevision')

  expect((await alice.browser.post('/api/categories/contact/history/forget')).status).toBe(204)
  expect(await history()).toEqual([])
  expect(await (await alice.fetch(`${past}contact.ttl`)).text()).not.toContain('+49 30 1')
  // What another app deleted before is an earlier value as well.
  await put({ phone: '+49 30 6', address: { country: 'DE' } })
  const empty = (await (await alice.fetch(url)).text()).replace(/vcard:hasTelephone[^;.]*[;.]/, '')
  expect(empty).not.toContain('30%206')
  expect((await alice.fetch(url, { method: 'PUT', headers: turtle, body: empty })).ok).toBe(true)
  expect((await history())[0]).toMatchObject({ how: 'elsewhere', before: '+49 30 6' })
  expect((await alice.browser.post('/api/categories/contact/history/forget')).status).toBe(204)
  expect(await history()).toEqual([])
  expect(await (await alice.fetch(`${past}contact.ttl`)).text()).not.toContain('+49 30 6')
  await put({ phone: '+49 30 5' })
  expect((await history()).map(({ field }) => field).toSorted()).toEqual(['contact.address', 'contact.phone'])
})

test('a history that cannot be read keeps nobody from saving', async () => {
  await using vault = await startTestVault(pods)
  const alice = await owner(vault)
  const past = `${alice.container}history/interests.ttl`
  const save = (etag: string | null, values: object, more: object = {}) =>
    alice.browser.put('/api/categories/interests', { etag, values, ...more })
  const first = (await save(null, { topics: ['folk'] })).body as SavedCategory
  const broken = `@prefix vrm: <https://w3id.org/reach/vrm#>. <#a> a vrm:HeldValue; vrm:revisedField "topics"; vrm:heldValue "[".`
  expect((await alice.fetch(past, { method: 'PUT', headers: turtle, body: broken })).ok).toBe(true)
  const saved = await save(first.etag, { topics: ['jazz'] })
  expect(saved).toMatchObject({ status: 200, body: { values: { topics: ['jazz'] }, noted: false } })
  const history = await alice.browser.get('/api/categories/interests/history')
  expect(history.body).toMatchObject({ code: 'pod-unreadable' })
  // Nor does it keep her from having it deleted.
  expect((await alice.browser.post('/api/categories/interests/history/forget')).status).toBe(204)
  expect((await alice.browser.get('/api/categories/interests/history')).body).toEqual({ changes: [] })
  // Who was signed in when the form was filled in counts.
  const { etag } = saved.body as SavedCategory
  const other = await save(etag, {}, { account: 'somebody-else-entirely' })
  expect(other).toMatchObject({ status: 409, body: { code: 'conflict' } })
  // So does whom a page shows, whatever is asked on it.
  const asked = async (path: string, body: object, account: string) =>
    (await alice.browser.post(path, body, { 'reach-account': account })).body
  const { accountId = '' } = alice.me
  for (const [path, body] of [
    ['/api/categories/interests/history/forget', {}],
    ['/api/leave', { askDeletion: false, deletePod: false }],
    ['/api/grants/withdraw', { askDeletion: false }],
    ['/api/export', {}],
    ['/api/passkeys/options', {}],
    ['/api/pod/move', { issuer: pods.server.baseUrl }],
    ['/api/me/language', { language: 'de' }],
    ['/consent/one-that-she-might-open/open', {}],
  ] as const)
    expect([path, await asked(path, body, 'somebody-else-entirely')]).toMatchObject([
      path,
      { code: 'conflict' },
    ])
  expect(await asked('/api/grants/withdraw', { askDeletion: false }, accountId)).toEqual({ withdrawn: 0 })
})

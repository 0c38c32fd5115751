/** Customers who bring a pod of their own: servers that are not ours, with WAC and with ACP, beside embedded pods. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { createNames } from '../../core/records/names.ts'
import type { Storages } from '../../schemas/types.gen.ts'
import { startEmbeddedPods } from '../../vault-server/pods/embedded.ts'
import { createProvisioning } from '../../vault-server/pods/provisioning.ts'
import { allowAll, connectPod } from '../consent.ts'
import { freePort } from '../free-ports.ts'
import {
  accessUrl,
  act,
  meOf,
  orders,
  personal,
  read,
  rewriteAccess,
  signIn,
  turtle,
  typesOf,
  wrong,
} from '../own-pod-customer.ts'
import { ownPodServer } from '../own-pod-server.ts'
import type { OwnPodPerson, OwnPodServer } from '../own-pod-server.ts'
import { ownFetch, sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { startTestVault } from '../vault.ts'
import type { TestVault, VaultBrowser } from '../vault.ts'

let embedded: TestPods

beforeAll(async () => {
  embedded = await sharedPods()
}, 300_000)

/** A pod server that may call nobody but this one. */
async function startShutIn({ baseUrl }: OwnPodServer) {
  await using opened = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'reach-shut-in-'))
  opened.defer(() => rm(folder, { recursive: true, force: true }))
  const server = opened.use(
    await startEmbeddedPods({
      url: `http://localhost:${await freePort()}/`,
      folder,
      vaultUrl: baseUrl,
      names: createNames(randomBytes(32)),
      log: { info: () => undefined, warn: () => undefined },
    }),
  )
  const resources = opened.move()
  return { server, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

describe.each(['wac', 'acp'] as const)('an own pod with %s', { timeout: 300_000 }, (accessRules) => {
  let server: OwnPodServer
  let vault: TestVault
  let shutIn: Awaited<ReturnType<typeof startShutIn>>['server']

  beforeAll(async () => {
    await using opened = new AsyncDisposableStack()
    server = await ownPodServer(accessRules)
    if (accessRules === 'wac') {
      // What is wanted later starts meanwhile: each takes seconds.
      ownPodServer('acp').catch(() => undefined)
      shutIn = opened.use(await startShutIn(server)).server
    }
    vault = opened.use(
      await startTestVault(embedded, {
        outboundAllow: [new URL(server.baseUrl).origin],
        gateway: true,
      }),
    )
    const resources = opened.move()
    return () => resources.disposeAsync()
  }, 300_000)

  async function connected(): Promise<{ person: OwnPodPerson; browser: VaultBrowser }> {
    const person = await server.person()
    const browser = await signIn(vault, server, person, server.baseUrl)
    await connectPod(browser)
    return { person, browser }
  }

  async function granted() {
    const customer = await connected()
    const business = await vault.business()
    const allowed = await allowAll(vault, customer.browser, business)
    return { ...customer, business, ...allowed }
  }

  const removals: Record<string, (person: OwnPodPerson) => Promise<() => Promise<unknown>>> = {
    'its document rewritten without the agent': async (person) => {
      const before = await rewriteAccess(person, person.container, (rules) =>
        rules.replaceAll(/<[^<>]*\/agent\/card#me>/g, '<https://nobody.example/#me>'),
      )
      return () => rewriteAccess(person, person.container, () => before)
    },
    'its document deleted': async (person) => {
      const document = await accessUrl(person, person.container)
      const before = await (await person.fetch(document, { headers: { accept: 'text/turtle' } })).text()
      expect((await person.fetch(document, { method: 'DELETE' })).ok).toBe(true)
      return () => person.fetch(document, { method: 'PUT', headers: turtle, body: before })
    },
  }
  test('closed by another app it is lost within the bound, and goes on once it is open again', async () => {
    const { person, browser, ...relation } = await granted()
    expect(await read(vault, relation, [orders, 'profile.name'])).toMatchObject({ status: 200 })
    for (const [how, close] of Object.entries(removals)) {
      const restore = await close(person)
      vault.podClock.ahead += 10_001
      expect(await read(vault, relation, [orders, 'profile.name']), how).toEqual({ status: 404 })
      expect(await meOf(browser)).toMatchObject({ podAccess: 'lost' })
      expect((await typesOf(browser))[0]).toBe('access-lost')
      await restore()
      // Nobody has to come to Reach for it: lost pods are looked at again.
      await vault.lookAgain()
      expect(await meOf(browser), how).toMatchObject({ podAccess: 'open' })
      expect((await typesOf(browser))[0]).toBe('access-restored')
      expect(await read(vault, relation, [orders, 'profile.name'])).toMatchObject({ status: 200 })
    }
  })

  test('one resource that another app shuts is lost alone, told as that, and comes back alone', async () => {
    const { person, browser, ...relation } = await granted()
    const diet = `${person.container}diet.ttl`
    const own = await accessUrl(person, diet)
    const rules =
      accessRules === 'wac'
        ? `<#o> a <http://www.w3.org/ns/auth/acl#Authorization>; <http://www.w3.org/ns/auth/acl#agent> <${person.webId}>;
            <http://www.w3.org/ns/auth/acl#accessTo> <${diet}>;
            <http://www.w3.org/ns/auth/acl#mode> <http://www.w3.org/ns/auth/acl#Read>, <http://www.w3.org/ns/auth/acl#Write>, <http://www.w3.org/ns/auth/acl#Control>.`
        : `@prefix acp: <http://www.w3.org/ns/solid/acp#>. @prefix acl: <http://www.w3.org/ns/auth/acl#>.
            <#r> a acp:AccessControlResource; acp:resource <${diet}>; acp:accessControl <#d>.
            <#d> a acp:AccessControl; acp:apply [ a acp:Policy; acp:deny acl:Read; acp:anyOf [ a acp:Matcher; acp:agent <${(await meOf(browser)).agent}> ] ].`
    expect((await person.fetch(own, { method: 'PUT', headers: turtle, body: rules })).ok).toBe(true)
    vault.podClock.ahead += 10_001
    expect(await read(vault, relation, [personal, 'diet.diet'])).toEqual({ status: 404 })
    expect(await read(vault, relation, [orders, 'profile.name'])).toMatchObject({ status: 200 })
    expect(await meOf(browser)).toMatchObject({ podAccess: 'open', lostCategories: ['diet'] })
    expect((await typesOf(browser)).filter((type) => type.endsWith('-lost'))).toEqual(['category-lost'])
    expect((await person.fetch(own, { method: 'DELETE' })).ok).toBe(true)
    await vault.lookAgain()
    expect(await meOf(browser)).not.toHaveProperty('lostCategories')
    expect(await read(vault, relation, [personal, 'diet.diet'])).toMatchObject({ status: 200 })
  })

  test('rules that are too wide or too narrow are found resource by resource and put right, others kept', async () => {
    const { person, browser } = await connected()
    const stranger = await server.person()
    const agent = String((await meOf(browser)).agent)
    const profile = `${person.container}profile.ttl`
    const acl = 'http://www.w3.org/ns/auth/acl#'
    const wide = {
      wac: (resource: string) => `@prefix acl: <${acl}>. @prefix foaf: <http://xmlns.com/foaf/0.1/>.
        <#o> a acl:Authorization; acl:agent <${person.webId}>; acl:accessTo <${resource}>${resource.endsWith('/') ? `; acl:default <${resource}>` : ''}; acl:mode acl:Read, acl:Write, acl:Control.
        <#all> a acl:Authorization; acl:agentClass foaf:Agent; acl:agent <${stranger.webId}>; acl:accessTo <${resource}>; acl:mode acl:Read.
        <#a> a acl:Authorization; acl:agent <${agent}>; acl:accessTo <${resource}>; acl:mode acl:Read, acl:Write.`,
      acp: (resource: string) => `@prefix acp: <http://www.w3.org/ns/solid/acp#>. @prefix acl: <${acl}>.
        <#r> a acp:AccessControlResource; acp:resource <${resource}>; acp:accessControl <#o>, <#all>, <#a>; acp:memberAccessControl <#o>.
        <#o> a acp:AccessControl; acp:apply [ a acp:Policy; acp:allow acl:Read, acl:Write, acl:Control; acp:anyOf [ a acp:Matcher; acp:agent <${person.webId}> ] ].
        <#all> a acp:AccessControl; acp:apply [ a acp:Policy; acp:allow acl:Read; acp:anyOf [ a acp:Matcher; acp:agent acp:PublicAgent, <${stranger.webId}> ] ].
        <#a> a acp:AccessControl; acp:apply [ a acp:Policy; acp:allow acl:Read, acl:Write; acp:anyOf [ a acp:Matcher; acp:agent <${agent}> ] ].`,
    }[accessRules]
    for (const resource of [profile, person.podUrl]) {
      const body = wide(resource)
      expect(
        (await person.fetch(await accessUrl(person, resource), { method: 'PUT', headers: turtle, body })).ok,
      ).toBe(true)
    }
    const found = await act(browser, 'probe')
    expect(wrong(found)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^see .*everybody/), expect.stringMatching(/^change /)]),
    )
    const repaired = await act(browser, 'repair')
    expect(wrong(repaired)).toEqual([])
    const statuses = async (url: string) =>
      Promise.all([person.fetch, stranger.fetch, fetch].map(async (as) => (await as(url)).status))
    expect(await statuses(profile)).toEqual([200, 200, 401])
    // Elsewhere only the agent was taken out: what everybody may see there is the customer's own affair.
    expect(await statuses(person.podUrl)).toEqual([200, 200, 200])
    const root = await person.fetch(await accessUrl(person, person.podUrl))
    expect(await root.text()).not.toContain(agent)
  })

  // What follows is the same under either kind of rules.
  if (accessRules === 'acp') return

  test('is connected by WebID, read by a business, and lives beside an embedded one', async () => {
    const person = await server.person()
    const browser = await signIn(vault, server, person, person.webId)
    expect(await meOf(browser)).toMatchObject({
      webId: person.webId,
      issuer: server.baseUrl,
      container: person.container,
      podAccess: 'none',
      boundSeconds: 10,
    })
    await connectPod(browser)
    const business = await vault.business()
    const own = { business, ...(await allowAll(vault, browser, business)) }
    const neighbour = await vault.customer()
    await connectPod(neighbour.browser)
    const beside = { business, ...(await allowAll(vault, neighbour.browser, business)) }
    expect(await meOf(neighbour.browser)).toMatchObject({ boundSeconds: 1 })
    for (const each of [own, beside]) {
      expect(await read(vault, each, [orders, 'profile.name'])).toEqual({
        status: 200,
        data: { 'profile.name': 'Alma Quist' },
      })
      expect(await read(vault, each, [personal, 'diet.allergies'])).toEqual({
        status: 200,
        data: { 'diet.allergies': ['peanut'] },
      })
    }
    // The receipt came by the agent, who may add there.
    await vault.settle()
    const receipts = await person.fetch(`${person.container}receipts/`, {
      headers: { accept: 'text/turtle' },
    })
    expect(await receipts.text()).toContain(`${own.receiptId}.jws`)
  })

  test('the folder is chosen among the storages of the profile, and made', async () => {
    const person = await server.person()
    const other = await person.anotherPod()
    const card = person.webId.replace('#me', '')
    const before = await (await person.fetch(card, { headers: { accept: 'text/turtle' } })).text()
    const named = `<#me> <http://www.w3.org/ns/pim/space#storage> <${person.podUrl}>, <${other.podUrl}>.`
    await person.fetch(card, { method: 'PUT', headers: turtle, body: `${before}\n${named}` })
    const browser = await signIn(vault, server, person, person.webId)
    const found = (await browser.post('/api/pod/storages')).body as Storages
    expect(found).toEqual({
      container: person.container,
      storages: [person.podUrl, other.podUrl].map((url) => ({ url, suggested: `${url}vrm/` })),
    })
    const elsewhere = `${(await server.person()).podUrl}vrm/`
    const refused = [
      person.podUrl,
      `${person.podUrl}profile/`,
      elsewhere,
      `${person.podUrl}.acl/`,
      `${person.podUrl}a%2fb/`,
    ]
    for (const container of refused)
      expect(await browser.post('/api/pod/container', { container })).toMatchObject({ status: 400 })
    const container = `${person.podUrl}private/reach/`
    expect((await browser.post('/api/pod/container', { container })).body).toMatchObject({ container })
    await connectPod(browser)
    expect(await meOf(browser)).toMatchObject({ container, podAccess: 'open', name: 'Alma Quist' })
    expect((await person.fetch(`${container}profile.ttl`)).status).toBe(200)
    const again = await browser.post('/api/pod/container', { container: person.container })
    expect(again).toMatchObject({ status: 409, body: { code: 'conflict' } })
  })

  test('what was shut in Reach is not opened by whatever another app writes', async () => {
    const { person, browser, ...relation } = await granted()
    const document = await accessUrl(person, person.container)
    const rules = await (await person.fetch(document, { headers: { accept: 'text/turtle' } })).text()
    expect(await act(browser, 'disconnect')).toMatchObject({ ok: true })
    await person.fetch(document, { method: 'PUT', headers: turtle, body: rules })
    await vault.lookAgain()
    expect(await meOf(browser)).toMatchObject({ podAccess: 'lost' })
    expect(await read(vault, relation, [orders, 'profile.name'])).toEqual({ status: 404 })
    expect(await act(browser, 'connect')).toMatchObject({ ok: true })
    expect(await read(vault, relation, [orders, 'profile.name'])).toMatchObject({ status: 200 })
  })

  test('credentials that the customer makes: as an identity of its own Reach gets as little, as herself she is told', async () => {
    const { person, browser, ...relation } = await granted()
    const agent = String((await meOf(browser)).agent)
    const helper = await person.credentials()
    const { clientId, clientSecret } = helper
    const wrongSecret = { clientId, clientSecret: `${clientSecret}x` }
    expect(await browser.post('/api/pod/credentials', wrongSecret)).toMatchObject({
      body: { code: 'sign-in-failed' },
    })
    const least = await act(browser, 'credentials', { clientId, clientSecret })
    expect(least).toMatchObject({ ok: true, identity: 'credentials' })
    expect(await meOf(browser)).toMatchObject({ actingAs: helper.webId, podAccess: 'open' })
    const rules = await person.fetch(await accessUrl(person, person.container))
    const text = await rules.text()
    expect(text).toContain(helper.webId)
    expect(text).not.toContain(agent)
    expect(await read(vault, relation, [orders, 'profile.name'])).toMatchObject({ status: 200 })
    // A restart makes no difference.
    await vault.restart()
    expect(await read(vault, relation, [orders, 'profile.name'])).toMatchObject({ status: 200 })

    const own = await person.credentials(person.webId)
    const asHerself = { clientId: own.clientId, clientSecret: own.clientSecret }
    expect(await act(browser, 'credentials', asHerself)).toMatchObject({ ok: true, identity: 'yourself' })
    expect(await read(vault, relation, [orders, 'profile.name'])).toMatchObject({ status: 200 })
    await act(browser, 'credentials/remove')
    expect(await meOf(browser)).not.toHaveProperty('actingAs')
    expect(await meOf(browser)).toMatchObject({ podAccess: 'lost' })
    expect(await read(vault, relation, [orders, 'profile.name'])).toEqual({ status: 404 })
    expect(await act(browser, 'connect')).toMatchObject({ ok: true, identity: 'agent' })
    expect(await read(vault, relation, [orders, 'profile.name'])).toMatchObject({ status: 200 })
  })

  test(
    'a pod server that cannot reach us is told from one that refuses us, and read by credentials',
    { timeout: 300_000 },
    async () => {
      // Her data lie at a server that may call nobody but her sign-in server: it never finds out who our agent is.
      const person = await server.person()
      await using opened = new AsyncDisposableStack()
      await shutIn.ready
      const login = { email: person.email, password: person.password }
      const pod = await createProvisioning(shutIn.door).createPod({ podName: 'hers', ...login })
      const asOwner = await ownFetch(shutIn, { ...login, webId: pod.webId })
      const acl = 'http://www.w3.org/ns/auth/acl#'
      const body = [pod.webId, person.webId]
        .map(
          (who, n) => `<#o${n}> a <${acl}Authorization>; <${acl}agent> <${who}>; <${acl}accessTo> <./>;
          <${acl}default> <./>; <${acl}mode> <${acl}Read>, <${acl}Write>, <${acl}Control>.`,
        )
        .join('\n')
      const put = await asOwner(`${pod.podUrl}.acl`, { method: 'PUT', headers: turtle, body })
      expect(put.ok).toBe(true)
      const card = person.webId.replace('#me', '')
      const profile = await (await person.fetch(card, { headers: { accept: 'text/turtle' } })).text()
      const named = `<#me> <http://www.w3.org/ns/pim/space#storage> <${pod.podUrl}>.`
      await person.fetch(card, { method: 'PUT', headers: turtle, body: `${profile}\n${named}` })

      const origins = [server.baseUrl, shutIn.baseUrl].map((url) => new URL(url).origin)
      const other = opened.use(await startTestVault(embedded, { outboundAllow: origins, gateway: true }))
      const browser = await signIn(other, server, person, person.webId)
      expect(await meOf(browser)).toMatchObject({ container: `${pod.podUrl}vrm/` })
      expect(await act(browser, 'connect')).toMatchObject({ ok: false, unreachable: true, identity: 'agent' })
      // Nor can that server look up the vault when somebody signs in there: it registers it instead, and that lasts.
      const there = await signIn(other, shutIn, { ...login, webId: pod.webId }, shutIn.baseUrl)
      expect(await meOf(there)).toMatchObject({ signedIn: true, webId: pod.webId })
      await other.restart()
      expect(await there.post('/api/pod/storages')).toMatchObject({ status: 200 })

      const { clientId, clientSecret, webId } = await person.credentials()
      const probed = await act(browser, 'credentials', { clientId, clientSecret })
      expect(probed).toMatchObject({ ok: true, identity: 'credentials' })
      expect(probed).not.toHaveProperty('unreachable')
      expect(await meOf(browser)).toMatchObject({ actingAs: webId, podAccess: 'open' })
      const saved = await browser.put('/api/categories/profile', {
        etag: null,
        values: { name: 'Alma Quist' },
      })
      expect(saved).toMatchObject({ status: 200 })
      const business = await other.business()
      const relation = { business, ...(await allowAll(other, browser, business)) }
      // What was read before the save is as old as it may be.
      other.podClock.ahead += 10_001
      expect(await read(other, relation, [orders, 'profile.name'])).toMatchObject({
        status: 200,
        data: { 'profile.name': 'Alma Quist' },
      })
    },
  )
})

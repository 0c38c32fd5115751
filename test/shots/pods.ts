/** Vaults being made, other apps at the same pod, access that was taken away, and moving house. */
import type { NewVault } from '#schemas/types.gen.ts'
import { Walker } from '../browser/every-page.ts'
import { createVault } from '../browser/new-vault.ts'
import type { Stage } from './stage.ts'

const turtle = { 'content-type': 'text/turtle' }
const steps: readonly NewVault['state'][] = ['waiting', 'pod', 'sign-in', 'ready']

/** The queue and each step: the page is shown one true answer for as long as it is looked at. */
export async function playMaking({ open, story }: Stage): Promise<void> {
  const walk = await open()
  const { page, look } = walk
  const at = new Walker(walk)
  const vaultUrl = story.world.config.vaultUrl
  const taken = { podName: 'first-come', email: 'first@example.org', password: 'a long enough one' }
  await story.browser().post('/api/vaults', taken)
  await page.goto(vaultUrl)
  const create = async (podName: string) => {
    await page.getByLabel('Name of your pod').fill(podName)
    await page.getByLabel('E-mail', { exact: true }).fill(`${podName}@example.org`)
    await page.getByLabel('Password', { exact: true }).fill('a long enough one')
    await at.press('create.act')
  }
  await create('first-come')
  await at.text('create.taken').waitFor()
  await look('taken')
  let wanted: NewVault['state'] = 'waiting'
  const given = new Map<string, string>()
  await page.route('**/api/vaults/progress', async (route) => {
    const body = await (await route.fetch()).text()
    const { state } = JSON.parse(body) as NewVault
    if (!given.has(state)) given.set(state, body)
    // A step that was over before anybody asked looked like this.
    const isPast = steps.indexOf(state) > steps.indexOf(wanted)
    const shown = given.get(wanted) ?? (isPast ? JSON.stringify({ state: wanted }) : body)
    await route.fulfill({ contentType: 'application/json', body: shown })
  })
  const crowd = [1, 2, 3, 4, 5].map((n) =>
    story.browser().post('/api/vaults', {
      podName: `before-${n}`,
      email: `before-${n}@example.org`,
      password: 'a long enough one',
    }),
  )
  await create('queen-of-the-queue')
  await page.getByText('before you').first().waitFor()
  await look('queue')
  wanted = 'pod'
  await page
    .locator('[aria-current=step]')
    .filter({ hasText: walk.say('create.step.pod') })
    .waitFor()
  await look('pod')
  await page.unroute('**/api/vaults/progress')
  await page.getByRole('button', { name: 'Choose another folder' }).click({ timeout: 60_000 })
  await page.getByLabel('Folder').waitFor()
  await look('folder')
  await Promise.all(crowd)
}

/** The same field in two apps, one that another app made unreadable, and a pod that is shut. */
export async function playConflict({ open, story }: Stage): Promise<void> {
  const { page, look, say } = await open()
  const ada = await story.customer({
    profile: { name: 'Ada Lovelace', birthDate: '1990-12-10' },
    contact: { email: 'ada@example.org', phone: '+44 123 456' },
  })
  const at = new Walker({ page, look, say, story })
  await at.signInAs(ada.browser)
  await at.go('/data')
  const contact = page.getByRole('region', { name: 'Contact', exact: true })
  const phone = contact.getByRole('textbox', { name: 'Phone' })
  const app = await story.appOf(ada)
  const url = `${ada.container}contact.ttl`
  const body = (await (await app(url)).text())
    .replace('ada@example.org', 'ada@elsewhere.example')
    .replace(/tel:[^>]*/, 'tel:+44%20111%20111')
  await phone.fill('+44 222 222')
  await app(url, { method: 'PUT', headers: turtle, body })
  await phone.press('Enter')
  await contact.getByText('Phone was changed in your pod by another app').waitFor()
  await look('two-apps')
  await contact.getByRole('button', { name: /Keep the pod’s/ }).press('Enter')
  await contact.getByRole('button', { name: 'Undo: Phone' }).waitFor()
  await contact.getByRole('button', { name: 'History of E-mail' }).press('Enter')
  await contact.getByText(/until another app changed it/).waitFor()
  await look('history')

  const rules = await (await app(`${ada.container}.acl`)).text()
  const [before = '', ofAgent = ''] = rules.split(/(?=<[^>]*#reach-agent>)/)
  const shorter = before + ofAgent.replace(/acl:accessTo <[^>]*>;/, '')
  await app(`${ada.container}.acl`, { method: 'PUT', headers: turtle, body: shorter })
  await at.go('/settings')
  await at.press('settings.probe')
  await at.text('pod.lost.title').waitFor()
  await look('access-lost-settings')
  await at.go('/')
  await at.text('home.lost').waitFor()
  await look('access-lost-home')
}

/** All data from a pod that was made here to one of her own, and what another app leaves open there. */
export async function playMove({ open, story, ownPods }: Stage): Promise<void> {
  const walk = await open()
  const { page, look } = walk
  const at = new Walker(walk)
  const person = await ownPods()?.person()
  if (person === undefined) throw new Error('no pod server of her own')
  const { vaultUrl } = story.world.config
  await createVault(page, vaultUrl, {
    podName: 'moving-house',
    email: 'moving@example.org',
    password: 'a long enough one',
  })
  await at.go('/data')
  const profile = page.getByRole('region', { name: 'Profile', exact: true })
  await profile.getByRole('button', { name: 'Profile', exact: true }).click()
  await profile.getByLabel('Name', { exact: true }).fill('Ada Lovelace')
  await page.keyboard.press('Enter')
  await profile.getByText('Saved in your pod: Name').waitFor()
  await at.go('/settings')
  await at.press('move.begin')
  const field = page.getByLabel('The new pod’s sign-in server or your WebID there')
  await at.button('sign-in.act').click()
  await look('where')
  await field.fill(person.webId)
  await at.press('sign-in.act')
  await page.getByLabel('Email').fill(person.email)
  await page.getByLabel('Password').fill(person.password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('button', { name: 'Authorize' }).click()
  await at.text('move.not-begun').waitFor()
  await look('before')
  await at.press('move.go-on')
  await at.text('move.done.title').waitFor({ timeout: 60_000 })
  await look('moved')
  await at.press('move.delete')
  const dialog = page.getByRole('alertdialog')
  await dialog.waitFor()
  await look('delete-old')
  await at.press('move.delete', dialog)
  await at.button('move.begin').waitFor()
  const acl = `${person.container}.acl`
  const everybody = `<#all> a <http://www.w3.org/ns/auth/acl#Authorization>;
    <http://www.w3.org/ns/auth/acl#agentClass> <http://xmlns.com/foaf/0.1/Agent>;
    <http://www.w3.org/ns/auth/acl#accessTo> <${person.container}>;
    <http://www.w3.org/ns/auth/acl#mode> <http://www.w3.org/ns/auth/acl#Read>.`
  const rules = await (await person.fetch(acl)).text()
  await person.fetch(acl, { method: 'PUT', headers: turtle, body: `${rules}\n${everybody}` })
  await at.press('settings.probe')
  await page.getByText('Reach does not see what it should').waitFor()
  await look('too-wide')
}

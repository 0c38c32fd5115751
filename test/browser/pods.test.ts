/** Own pods in a real Chromium: what Reach can do is shown and put right, and all data move to another pod. */
import type { Browser, Page } from '@playwright/test'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import { createProvisioning } from '../../vault-server/pods/provisioning.ts'
import { ownPodServer } from '../own-pod-server.ts'
import type { OwnPodPerson, OwnPodServer } from '../own-pod-server.ts'
import { sharedPods } from '../pod-server.ts'
import { startTestVault } from '../vault.ts'
import type { TestVault } from '../vault.ts'
import { launchChromium, lookAt, openPage } from './chromium.ts'

let own: OwnPodServer
let person: OwnPodPerson
let vault: TestVault
let browser: Browser
let page: Page
let faults: string[]

beforeAll(async () => {
  await buildConsentApp()
  const embedded = await sharedPods()
  own = await ownPodServer('wac')
  const { origin } = new URL(own.baseUrl)
  vault = await startTestVault(embedded, { outboundAllow: [origin] })
  browser = await launchChromium()
  const allowed = [vault.url, new URL(embedded.server.baseUrl).origin, origin]
  ;({ page, faults } = await openPage(browser, { allowed }))
  person = await own.person()
}, 300_000)
afterAll(async () => {
  await browser?.close()
  await vault?.[Symbol.asyncDispose]()
})

async function signIn({ email, password }: OwnPodPerson): Promise<void> {
  await page.getByLabel('Email').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('button', { name: 'Authorize' }).click()
}

test('she moves all her data from a pod that was made here to one of her own', async () => {
  await page.goto(`${vault.url}/`)
  await page.getByLabel('Name of your pod').fill('mover')
  await page.getByLabel('E-mail', { exact: true }).fill('mover@example.org')
  await page.getByLabel('Password', { exact: true }).fill('a long enough one')
  // Others came first. What she sees of it does not depend on the page staying open.
  const { createPod } = createProvisioning((await sharedPods()).server.door)
  const others = [0, 1, 2, 3, 4, 5].map((n) =>
    createPod({ podName: `before-${n}`, email: `before-${n}@example.org`, password: 'long enough' }),
  )
  await page.getByRole('button', { name: 'Create my vault' }).click()
  await page.getByText('before you').first().waitFor()
  await lookAt(page, 'pods-0-waiting')
  await page.reload()
  await page.getByRole('button', { name: 'Choose another folder' }).click({ timeout: 60_000 })
  await Promise.all(others)
  await page.getByLabel('Folder').waitFor()
  await lookAt(page, 'pods-1-folder')
  await page.getByRole('button', { name: 'Leave it as it is' }).click()
  await page.getByRole('button', { name: 'Give Reach this access' }).click()
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.goto(`${vault.url}/settings`)
  await page.getByRole('button', { name: 'Move', exact: true }).click()
  await page.getByLabel('The new pod’s sign-in server or your WebID there').fill(person.webId)
  await page.getByRole('button', { name: 'Go to sign-in' }).click()
  await signIn(person)
  await page.getByText('Nothing is copied yet.').waitFor()
  await lookAt(page, 'pods-2-move')
  await page.getByRole('button', { name: 'Copy and compare' }).click()
  await page.getByText('Your data are in the new pod').waitFor()
  await lookAt(page, 'pods-3-moved')
  await page.getByRole('button', { name: 'Delete the old copies' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete the old copies' }).click()
  await page.getByRole('button', { name: 'Move', exact: true }).waitFor()
  await page.getByText(person.container).waitFor()
  expect(faults).toEqual([])
}, 300_000)

test('another app shuts the folder to her and opens it to everybody: she sees it and puts it right', async () => {
  const acl = `${person.container}.acl`
  const rules = await (await person.fetch(acl)).text()
  const everybody = `<#all> a <http://www.w3.org/ns/auth/acl#Authorization>;
    <http://www.w3.org/ns/auth/acl#agentClass> <http://xmlns.com/foaf/0.1/Agent>;
    <http://www.w3.org/ns/auth/acl#accessTo> <${person.container}>;
    <http://www.w3.org/ns/auth/acl#mode> <http://www.w3.org/ns/auth/acl#Read>.`
  const put = { method: 'PUT', headers: { 'content-type': 'text/turtle' }, body: `${rules}\n${everybody}` }
  expect((await person.fetch(acl, put)).ok).toBe(true)
  await page.getByRole('button', { name: 'Check what Reach can see' }).click()
  await page.getByText('Reach does not see what it should').waitFor()
  await lookAt(page, 'pods-4-too-wide')
  await page.getByRole('button', { name: 'Put it right' }).click()
  await page.getByText('Reach sees exactly what it should').waitFor()
  expect(await (await person.fetch(acl)).text()).not.toContain('foaf/0.1/Agent')
  expect(faults).toEqual([])
})

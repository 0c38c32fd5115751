/** A customer with a pod of her own, at the vault and at her pod, and a business that reads it. */
import * as oauth from 'openid-client'
import { expect } from 'vitest'
import type { Activity, Me, Probe, Redirect } from '../schemas/types.gen.ts'
import type { Business } from './business.ts'
import type { Allowed } from './consent.ts'
import { typePassword } from './own-pod-server.ts'
import type { OwnPodPerson, OwnPodServer } from './own-pod-server.ts'
import type { TestVault, VaultBrowser } from './vault.ts'

export const orders = 'dpv:CustomerOrderManagement'
export const personal = 'dpv:ServicePersonalisation'
export const turtle = { 'content-type': 'text/turtle' }

export async function signIn(
  vault: TestVault,
  server: Pick<OwnPodServer, 'baseUrl'>,
  person: Pick<OwnPodPerson, 'email' | 'password' | 'webId'>,
  typed: string,
) {
  const browser = vault.browser()
  const begun = await browser.post('/api/sign-in', { issuer: typed })
  expect(begun).toMatchObject({ status: 200 })
  const query = await typePassword(server.baseUrl, (begun.body as Redirect).location, person)
  expect(await browser.post('/api/sign-in/complete', { query })).toMatchObject({ status: 200 })
  return browser
}

export const meOf = async (browser: VaultBrowser) => (await browser.get('/api/me')).body as Me
export const typesOf = async (browser: VaultBrowser) =>
  ((await browser.get('/api/activity')).body as Activity).items.map(({ type }) => type)

export async function act(browser: VaultBrowser, path: string, body: object = {}): Promise<Probe> {
  const answer = await browser.post(`/api/pod/${path}`, body)
  expect(answer).toMatchObject({ status: 200 })
  return answer.body as Probe
}

export const wrong = ({ findings }: Probe) => findings.filter(({ ok }) => !ok).map(({ what }) => what)

/** Asks the gateway as the business does. */
export async function read(
  vault: TestVault,
  { business, tokens }: { business: Business; tokens: Allowed['tokens'] },
  [purpose, ...fields]: readonly [string, ...string[]],
): Promise<{ status: number; data?: Record<string, unknown> }> {
  const { subject } = tokens
  const url = new URL(`/v1/subjects/${subject}?fields=${fields.join()}&purpose=${purpose}`, vault.gatewayUrl)
  const { DPoP } = business
  const reply = await oauth
    .fetchProtectedResource(business.config, tokens.accessToken, url, 'GET', null, new Headers(), { DPoP })
    .catch((error: unknown) => {
      if (error instanceof oauth.WWWAuthenticateChallengeError) return error.response
      throw error
    })
  const body = (await reply.json()) as { data?: Record<string, unknown> }
  return { status: reply.status, ...(body.data === undefined ? {} : { data: body.data }) }
}

export async function accessUrl(person: OwnPodPerson, url: string): Promise<string> {
  const link = (await person.fetch(url, { method: 'HEAD' })).headers.get('link') ?? ''
  return /<([^<>]+)>; *rel="acl"/.exec(link)?.[1] ?? ''
}

export async function rewriteAccess(person: OwnPodPerson, url: string, edit: (rules: string) => string) {
  const document = await accessUrl(person, url)
  const before = await (await person.fetch(document, { headers: { accept: 'text/turtle' } })).text()
  const after = edit(before)
  expect(after).not.toBe(before)
  const reply = await person.fetch(document, { method: 'PUT', headers: turtle, body: after })
  expect(reply.ok).toBe(true)
  return before
}

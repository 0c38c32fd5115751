/** Links and QR codes (RFC 8628), and the code that goes the other way. Row 43. */
import * as oauth from 'openid-client'
import { renderSVG } from 'uqr'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DecisionResult } from '../../schemas/types.gen.ts'
import { accessRequest, outcome, postForm, refresh, verdict } from '../business.ts'
import type { Business } from '../business.ts'
import { allowing, postDecision, readPage, startTwoShops } from '../oauth-vault.ts'
import type { Customer, OAuthVault, Registered } from '../oauth-vault.ts'
import { answer, as, device, firstPage, json, known, polling, stateOf } from '../without-browser.ts'

let vault: OAuthVault
let shop: Registered
let rival: Registered
let alma: Customer

beforeAll(async () => {
  ;({ vault, shop, rival } = await startTwoShops(polling))
})

beforeEach(async () => {
  alma = await vault.customer()
})

afterAll(async () => {
  await vault[Symbol.asyncDispose]()
})

describe('a link or QR code', () => {
  interface Link {
    device_code: string
    user_code: string
    verification_qr_uri: string
    verification_uri: string
    verification_uri_complete: string
    expires_in: number
  }
  const begin = (business: Business = shop, over: Readonly<Record<string, string>> = {}) =>
    json<Link>(
      postForm(business, 'device/auth', {
        scope: 'openid offline_access',
        authorization_details: JSON.stringify([accessRequest()]),
        ...over,
      }),
    )
  const poll = (link: Link, over: Readonly<Record<string, string>> = {}, business: Business = shop) =>
    postForm(business, 'token', { grant_type: device, device_code: link.device_code, ...over })
  const follow = (customer: Customer, code: string) =>
    customer.browser.post(`${vault.vaultUrl}/api/link`, { code }, as(customer))
  async function opened(link: Link, customer = alma) {
    const { location } = await json<{ location: string }>(follow(customer, link.user_code))
    const page = new URL(location)
    return { page, view: await readPage(page, customer) }
  }
  const allowed = async (link: Link) => {
    const { page, view } = await opened(link)
    const decision = { ...allowing(view), matchingCode: view.matchingCode ?? '' }
    return json<DecisionResult>(postDecision(page, alma, decision))
  }

  test('leads a new customer to the decision; the same code stands on both screens; her pick-up code ends it', async () => {
    const link = await begin()
    expect(link.verification_uri).toBe(`${vault.vaultUrl}/link`)
    expect(link.verification_uri_complete).toBe(`${vault.vaultUrl}/link?code=${link.user_code}`)
    const picture = await fetch(link.verification_qr_uri)
    expect(picture.headers.get('content-type')).toBe('image/svg+xml')
    expect(await picture.text()).toBe(renderSVG(link.verification_uri_complete, { border: 4 }))
    expect((await fetch(`${vault.vaultUrl}/link.svg?code=%22%3E%3Cscript%3E`)).status).toBe(400)
    expect(link.expires_in).toBe(600)
    expect(await verdict(poll(link))).toBe('400 authorization_pending')
    const { page, view } = await opened(link)
    expect(view).toMatchObject({ channel: 'link', matchingCode: link.user_code })
    expect(view).not.toHaveProperty('returnHost')
    expect((await postDecision(page, alma, allowing(view))).status).toBe(400)
    const other = { ...allowing(view), matchingCode: 'BBBB-BBBB' }
    expect((await postDecision(page, alma, other)).status).toBe(400)
    const result = await json<DecisionResult>(
      postDecision(page, alma, { ...allowing(view), matchingCode: link.user_code }),
    )
    expect(result.status).toBe('allowed')
    expect(result.pickupCode).toMatch(/^[0-9]{6}$/)
    expect((await readPage(page, alma)).pickupCode).toBe(result.pickupCode)
    const pickup_code = String(result.pickupCode)
    expect(await verdict(poll(link, { pickup_code }, rival))).toBe('400 invalid_grant')
    const tokens = await json<{ refresh_token: string; grant_id: string }>(poll(link, { pickup_code }))
    expect(tokens.grant_id).toBe(result.grantId)
    expect(await stateOf(vault, result.grantId)).toBe('live')
    expect((await refresh(shop, tokens.refresh_token)).grantId).toBe(result.grantId)
    expect(await verdict(poll(link, { pickup_code }))).toBe('400 invalid_grant')
  })

  test('43: a decision made on a link that somebody sent gives that somebody nothing', async () => {
    const link = await begin()
    const result = await allowed(link)
    for (const over of [{}, { pickup_code: '' }])
      expect(await verdict(poll(link, over))).toBe('400 pickup_code_required')
    const wrong = result.pickupCode === '000000' ? '000001' : '000000'
    const tries = await Promise.all(
      Array.from({ length: 8 }, () => verdict(poll(link, { pickup_code: wrong }))),
    )
    expect(tries.filter((one) => one === '400 pickup_code_required')).toHaveLength(5)
    expect(tries.filter((one) => one === '400 invalid_grant')).toHaveLength(3)
    // After five wrong ones the right one is too late.
    expect(await verdict(poll(link, { pickup_code: String(result.pickupCode) }))).toBe('400 invalid_grant')
    expect(await stateOf(vault, result.grantId)).toBe('unredeemed')
  })

  test('belongs to the first customer who opens it, also of two at once', async () => {
    const link = await begin()
    const others = [alma, await vault.customer()]
    const replies = await Promise.all(others.map((one) => follow(one, link.user_code)))
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 404])
    expect((await follow(alma, 'BCDF-GHJK')).status).toBe(404)
  })

  test('is found however its code was typed; trying out codes is limited', async () => {
    const link = await begin()
    expect((await follow(alma, ` ${link.user_code.toLowerCase().replace('-', ' ')} `)).status).toBe(200)
    const statuses = []
    for (let attempt = 0; attempt < 25; attempt++) statuses.push((await follow(alma, 'BCDF-GHJK')).status)
    expect(statuses.at(-1)).toBe(429)
  })

  test('refused is access_denied; a code is needed for yes alone', async () => {
    const link = await begin()
    const { page, view } = await opened(link)
    expect((await postDecision(page, alma, answer('deny')(view))).status).toBe(200)
    expect(await verdict(poll(link))).toBe('400 access_denied')
  })

  test("the library's own pages for codes are not there", async () => {
    for (const [path, method] of [
      ['device', 'GET'],
      ['device', 'POST'],
      ['device/x', 'GET'],
    ] as const)
      expect((await fetch(`${vault.issuer}/${path}`, { method })).status).toBe(404)
  })

  test('an impatient business is told to slow down', async () => {
    const link = await begin()
    const verdicts = []
    for (let attempt = 0; attempt < 45; attempt++) verdicts.push(await verdict(poll(link)))
    expect([...new Set(verdicts)]).toEqual(['400 authorization_pending', '400 slow_down'])
  })
})

test('a standard client plays both: openid-client', async () => {
  const { config, DPoP } = shop
  const { subject } = await known(vault, alma, shop)
  const parameters = {
    scope: 'openid offline_access',
    authorization_details: JSON.stringify([accessRequest()]),
  }
  const asked = await oauth.initiateBackchannelAuthentication(config, { ...parameters, login_hint: subject })
  const page = await firstPage(vault, alma)
  await postDecision(page, alma, allowing(await readPage(page, alma)))
  const soon = <Reply extends { interval?: number }>(reply: Reply) => ({ ...reply, interval: 0.01 })
  const tokens = await oauth.pollBackchannelAuthenticationGrant(config, soon(asked), undefined, { DPoP })
  expect(tokens.claims()?.sub).toBe(subject)

  const link = await oauth.initiateDeviceAuthorization(config, parameters)
  const opened = await alma.browser.post(`${vault.vaultUrl}/api/link`, { code: link.user_code }, as(alma))
  const linked = new URL((await json<{ location: string }>(opened)).location)
  const decision = { ...allowing(await readPage(linked, alma)), matchingCode: link.user_code }
  const { pickupCode } = await json<DecisionResult>(postDecision(linked, alma, decision))
  const poll = (more?: Record<string, string>) =>
    oauth.pollDeviceAuthorizationGrant(config, soon(link), more, { DPoP })
  expect(await outcome(poll())).toBe('400 pickup_code_required')
  expect((await poll({ pickup_code: String(pickupCode) })).claims()?.sub).toBe(subject)
})

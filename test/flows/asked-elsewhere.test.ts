/** Answers that no browser of the business waits for, on the whole of Reach: until they are picked up they tell nothing. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { accessRequest, batchToken, postForm, push, redeem, verdict } from '../business.ts'
import { decide, openPage } from '../consent.ts'
import { Story, expectOk } from '../story.ts'
import type { Customer, Shop } from '../story.ts'
import type { DecisionResult, OpenRequests, RequestView, VendorRequests } from '../../schemas/types.gen.ts'

const ciba = 'urn:openid:params:grant-type:ciba'
const device = 'urn:ietf:params:oauth:grant-type:device_code'

let story: Story
let shop: Shop
let alma: Customer

beforeAll(async () => {
  story = await Story.open()
  shop = await story.shop({
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials', ciba, device],
  })
  alma = await story.customer()
})
afterAll(() => story[Symbol.asyncDispose]())

const details = JSON.stringify([accessRequest()])
interface Issued {
  readonly access_token: string
  readonly grant_id: string
}
const subjectIn = ({ access_token: token }: Issued) =>
  (JSON.parse(Buffer.from(String(token.split('.')[1]), 'base64url').toString()) as { sub: string }).sub
const waiting = async () => (expectOk(await alma.browser.get('/api/requests')).body as OpenRequests).requests
/** What the business is told of its requests and grants. */
async function told() {
  const batch = await batchToken(shop)
  const requests = JSON.parse((await story.call(shop, batch, '/v1/requests')).text) as VendorRequests
  const grants = JSON.parse((await story.call(shop, batch, '/v1/grants')).text) as { grants: object[] }
  const [newest] = requests.requests
  return { status: newest?.status, grant: newest?.grant_id, grants: grants.grants.length }
}
/** How the list names the newest request. */
async function newestName() {
  const { text } = await story.call(shop, await batchToken(shop), '/v1/requests')
  return (JSON.parse(text) as VendorRequests).requests[0]?.request_id
}
async function page(path: string) {
  return { path, view: expectOk(await alma.browser.post(`${path}/open`)).body as RequestView }
}
const nameOf = async ({ access_token: token, ...issued }: Issued) => {
  const subject = subjectIn({ access_token: token, ...issued })
  const reply = await story.call(
    shop,
    token,
    `/v1/subjects/${subject}?fields=profile.name&purpose=dpv:CustomerOrderManagement`,
  )
  return [reply.status, (JSON.parse(reply.text) as { data?: Record<string, string> }).data?.['profile.name']]
}

test('put off, answered from the list, redeemed by the business; then a question to the same customer', async () => {
  const opened = await story.ask(alma, shop)
  expectOk(await decide(alma.browser, opened, { decision: 'later' }))
  expect(await told()).toEqual({ status: 'later', grant: undefined, grants: 0 })
  const [one] = await waiting()
  const answered = await page(String(one?.page))
  const shown = answered.view.items[0]?.fields[0]?.value
  const result = expectOk(await decide(alma.browser, answered)).body as DecisionResult
  expect(await told()).toEqual({ status: 'allowed', grant: undefined, grants: 0 })
  const { origin } = new URL(story.world.config.vaultUrl)
  const { url } = await alma.browser.jar.follow(String(result.returnTo), (next) => next.origin !== origin)
  const tokens = await redeem(shop, url, opened.pending)
  expect(await told()).toEqual({ status: 'allowed', grant: tokens.grantId, grants: 1 })
  expect(await nameOf({ access_token: tokens.accessToken, grant_id: tokens.grantId })).toEqual([200, shown])

  const asked = (await (
    await postForm(shop, 'backchannel', {
      scope: 'openid',
      login_hint: tokens.subject,
      authorization_details: details,
    })
  ).json()) as { auth_req_id: string; request_id: string }
  expect(asked.request_id).toBe(await newestName())
  const question = await page(String((await waiting())[0]?.page))
  expect(question.view.amends?.grants).toEqual([tokens.grantId])
  const again = expectOk(await decide(alma.browser, question)).body as DecisionResult
  expect(again.returnTo).toBeUndefined()
  const polled = await postForm(shop, 'token', { grant_type: ciba, auth_req_id: asked.auth_req_id })
  const issued = (await polled.json()) as Issued
  expect(issued.grant_id).toBe(again.grantId)
  expect(await nameOf(issued)).toEqual([200, shown])
})

test('a pushed request has the name by which the list tells of it; one that is refused has none', async () => {
  const { reply, pending } = await push(shop)
  const { request_id: name } = (await reply.json()) as { request_id: string }
  await openPage({ url: story.world.config.vaultUrl }, alma.browser, pending)
  expect(name).toBe(await newestName())
  const refused = await push(shop, { code_challenge_method: 'plain' })
  expect(await refused.reply.json()).not.toHaveProperty('request_id')
})

test('a link leads a signed-in customer to the decision; nothing is told before she hands over her code', async () => {
  const stall = await story.shop({ grant_types: ['authorization_code', 'client_credentials', device] })
  shop = stall
  const link = (await (
    await postForm(stall, 'device/auth', { scope: 'openid', authorization_details: details })
  ).json()) as Record<'device_code' | 'user_code' | 'verification_uri_complete' | 'request_id', string>
  const { pathname, search } = new URL(link.verification_uri_complete)
  const landing = await alma.browser.get(pathname + search, { accept: 'text/html' })
  expect([landing.status, landing.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  const stranger = await story.browser().post('/api/link', { code: link.user_code })
  expect(stranger.status).toBe(401)
  const { location } = expectOk(await alma.browser.post('/api/link', { code: link.user_code })).body as {
    location: string
  }
  const opened = await page(new URL(location).pathname)
  expect(opened.view.matchingCode).toBe(link.user_code)
  expect(link.request_id).toBe(await newestName())
  const answers = { matchingCode: link.user_code }
  const result = expectOk(await decide(alma.browser, opened, answers)).body as DecisionResult
  const form = { grant_type: device, device_code: link.device_code }
  expect(await verdict(postForm(stall, 'token', form))).toBe('400 pickup_code_required')
  expect(await told()).toEqual({ status: 'allowed', grant: undefined, grants: 0 })
  const polled = await postForm(stall, 'token', { ...form, pickup_code: String(result.pickupCode) })
  const issued = (await polled.json()) as Issued
  expect(await told()).toEqual({ status: 'allowed', grant: issued.grant_id, grants: 1 })
  expect((await nameOf(issued))[0]).toBe(200)
})

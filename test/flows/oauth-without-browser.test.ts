/**
 * Answers that no browser of the business waits for: put off and answered from the list, questions to a known customer
 * (CIBA), and links. Rows 30 and 43 of the attack table belong here too: nobody gets anything by making somebody decide.
 */
import { createServer } from 'node:http'
import { once } from 'node:events'
import * as oauth from 'openid-client'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { liveness } from '#core/domain/grant.ts'
import { startJobs } from '#core/jobs/worker.ts'
import { createLogger } from '#core/logger.ts'
import { readGrant } from '#core/records/grants.ts'
import { cibaPings } from '../../vault-server/oauth/ciba-ping.ts'
import type { Decision, DecisionResult, OpenRequests, RequestView } from '../../schemas/types.gen.ts'
import {
  accessRequest,
  ask,
  outcome,
  postForm,
  postRegistration,
  redeem,
  refresh,
  verdict,
} from '../business.ts'
import type { Business } from '../business.ts'
import { BrowserJar } from '../browser-jar.ts'
import {
  allowing,
  comeBack,
  decideAt,
  openPage,
  postDecision,
  postOpen,
  readPage,
  startOAuthVault,
  startTwoShops,
} from '../oauth-vault.ts'
import type { Customer, OAuthVault, Registered } from '../oauth-vault.ts'

const ciba = 'urn:openid:params:grant-type:ciba'
const device = 'urn:ietf:params:oauth:grant-type:device_code'

let vault: OAuthVault
let shop: Registered
let rival: Registered
let alma: Customer

beforeAll(async () => {
  const grant_types = ['authorization_code', 'refresh_token', ciba, device]
  ;({ vault, shop, rival } = await startTwoShops({ grant_types }))
})

beforeEach(async () => {
  alma = await vault.customer()
})

afterAll(async () => {
  await vault[Symbol.asyncDispose]()
})

const answer = (decision: Decision['decision']) => (view: RequestView) => ({
  accountId: view.accountId,
  requestHash: view.requestHash,
  decision,
})
/** The same person in another browser of hers. */
const elsewhere = (customer: Customer): Customer => ({ ...customer, browser: new BrowserJar() })
const as = (customer: Customer) => ({ 'x-test-customer': customer.accountId })
const listOf = async (customer: Customer) => {
  const response = await fetch(`${vault.vaultUrl}/api/requests`, { headers: as(customer) })
  return ((await response.json()) as OpenRequests).requests
}
const pageOf = (path: string) => new URL(vault.vaultUrl + path)
const json = async <Body>(reply: Response | Promise<Response>) => (await (await reply).json()) as Body
const stateOf = async (grantId: string | undefined) => {
  const grant = await readGrant(vault.ledger, String(grantId))
  return grant === undefined ? undefined : liveness(grant.value, Date.now())
}
/** A customer whom the business knows, since she once allowed something; `subject` is how it names her. */
async function known(customer: Customer, business: Business = shop) {
  const pending = await ask(business)
  const { callback } = await decideAt(vault, customer, pending.url)
  return redeem(business, callback, pending)
}

describe('decided later', () => {
  async function putOff() {
    const pending = await ask(shop)
    const { callback, view } = await decideAt(vault, alma, pending.url, answer('later'))
    expect(callback.searchParams.get('error')).toBe('interaction_required')
    return { pending, view }
  }

  test('a request that was put off stays on the list for a month and is answered from there', async () => {
    const { pending, view } = await putOff()
    const [waiting] = await listOf(alma)
    expect(waiting).toMatchObject({ requestId: view.requestId, status: 'later', channel: 'browser' })
    expect(Date.parse(String(waiting?.expiresAt))).toBeGreaterThan(Date.now() + 29 * 86_400_000)
    const phone = elsewhere(alma)
    const page = pageOf(String(waiting?.page))
    const shown = await readPage(page, phone)
    expect(shown).toMatchObject({
      requestHash: view.requestHash,
      status: 'later',
      returnHost: 'shop.example',
    })
    expect(shown).not.toHaveProperty('returnTo')
    const result = await json<DecisionResult>(postDecision(page, phone, allowing(shown)))
    expect(result.status).toBe('allowed')
    expect(await stateOf(result.grantId)).toBe('unredeemed')
    const callback = await comeBack(vault, phone, result.returnTo)
    expect(callback.searchParams.get('state')).toBe(pending.state)
    const tokens = await redeem(shop, callback, pending)
    expect(tokens.grantId).toBe(result.grantId)
    expect(await stateOf(result.grantId)).toBe('live')
    expect(await listOf(alma)).toEqual([])
  })

  test('the same answer again gets the same way back, another one is refused', async () => {
    const { pending } = await putOff()
    const page = pageOf(String((await listOf(alma))[0]?.page))
    const view = await readPage(page, alma)
    const first = await json<DecisionResult>(postDecision(page, alma, allowing(view)))
    const again = elsewhere(alma)
    expect(await json(postDecision(page, again, allowing(view)))).toEqual(first)
    expect((await postDecision(page, again, answer('deny')(view))).status).toBe(409)
    await redeem(shop, await comeBack(vault, again, first.returnTo), pending)
    expect((await comeBack(vault, alma, first.returnTo).catch(String)).toString()).toContain('400')
  })

  test('refused from the list it is refused, put off again nothing changes', async () => {
    await putOff()
    const page = pageOf(String((await listOf(alma))[0]?.page))
    const view = await readPage(page, alma)
    expect(await json(postDecision(page, alma, answer('later')(view)))).toEqual({ status: 'later' })
    const refused = await json<DecisionResult>(postDecision(page, alma, answer('deny')(view)))
    expect(refused.status).toBe('refused')
    const callback = await comeBack(vault, alma, refused.returnTo)
    expect(callback.searchParams.get('error')).toBe('access_denied')
  })

  test('an open request whose page was closed is answered from the list as well', async () => {
    const pending = await ask(shop)
    await readPage(await openPage(vault, alma, pending.url), alma)
    const phone = elsewhere(alma)
    const page = pageOf(String((await listOf(alma))[0]?.page))
    const result = await json<DecisionResult>(
      postDecision(page, phone, allowing(await readPage(page, phone))),
    )
    await redeem(shop, await comeBack(vault, phone, result.returnTo), pending)
  })

  test("30, 43: the list's page is for its customer alone, and the way back for the browser that answered", async () => {
    const pending = await ask(shop)
    // Somebody begins at the business, keeps the cookies, and makes another person decide.
    const mallory = await vault.customer()
    const hers = await openPage(vault, mallory, pending.url)
    await readPage(await openPage(vault, alma, pending.url), alma)
    expect((await postOpen(hers, mallory)).status).toBe(404)
    const [waiting] = await listOf(alma)
    const page = pageOf(String(waiting?.page))
    expect((await postOpen(page, mallory)).status).toBe(404)
    expect(await listOf(mallory)).toEqual([])
    const view = await readPage(page, alma)
    expect(
      (await postDecision(page, mallory, { ...allowing(view), accountId: mallory.accountId })).status,
    ).toBe(404)
    const result = await json<DecisionResult>(postDecision(page, alma, allowing(view)))
    // She cannot take the way back: neither her own interaction nor the address of the other opens it.
    expect(await comeBack(vault, mallory, result.returnTo).catch(String)).toContain('not sent back: 400')
    const own = hers.href.replace('/consent/', '/oauth/auth/')
    expect(await comeBack(vault, mallory, own).catch(String)).toContain('not sent back')
    expect(await stateOf(result.grantId)).toBe('unredeemed')
  })

  test('a request that nobody has opened is on nobody’s list and not found by its id', async () => {
    const pending = await ask(shop)
    const browser = new BrowserJar()
    await browser.go(pending.url)
    const { requests } = await json<{ requests: { requestId: string }[] }>(
      fetch(`${vault.vaultUrl}/api/requests`, { headers: as(alma) }),
    )
    expect(requests).toEqual([])
  })
})

describe('a question to a customer whom the business knows (CIBA)', () => {
  const question = (
    subject: string,
    over: Readonly<Record<string, string>> = {},
    business: Business = shop,
  ) =>
    postForm(business, 'backchannel', {
      scope: 'openid offline_access',
      login_hint: subject,
      binding_message: 'TABLE-7',
      authorization_details: JSON.stringify([accessRequest()]),
      ...over,
    })
  const poll = (id: string, business: Business = shop) =>
    postForm(business, 'token', { grant_type: ciba, auth_req_id: id })

  test('waits on her list with the code that the business shows, and is answered to the next poll', async () => {
    const before = await known(alma)
    const asked = await json<{ auth_req_id: string; expires_in: number }>(question(before.subject))
    expect(asked.expires_in).toBe(3600)
    expect(await verdict(poll(asked.auth_req_id))).toBe('400 authorization_pending')
    const [waiting] = await listOf(alma)
    expect(waiting).toMatchObject({ status: 'open', channel: 'ciba', matchingCode: 'TABLE-7' })
    const page = pageOf(String(waiting?.page))
    const view = await readPage(page, alma)
    expect(view).toMatchObject({ channel: 'ciba', matchingCode: 'TABLE-7' })
    expect(view).not.toHaveProperty('returnHost')
    const result = await json<DecisionResult>(postDecision(page, alma, allowing(view)))
    expect(result).not.toHaveProperty('returnTo')
    expect(await stateOf(result.grantId)).toBe('unredeemed')
    expect(await verdict(poll(asked.auth_req_id, rival))).toBe('400 invalid_grant')
    expect(
      await verdict(
        postForm(shop, 'token', { grant_type: ciba, auth_req_id: asked.auth_req_id }, { proof: null }),
      ),
    ).toBe('400 invalid_grant')
    const tokens = await json<{
      access_token: string
      refresh_token: string
      grant_id: string
      token_type: string
    }>(poll(asked.auth_req_id))
    expect([tokens.token_type, tokens.grant_id]).toEqual(['DPoP', result.grantId])
    expect(await stateOf(result.grantId)).toBe('live')
    expect((await refresh(shop, tokens.refresh_token)).subject).toBe(before.subject)
    expect(await verdict(poll(asked.auth_req_id))).toBe('400 invalid_grant')
  })

  test('refused is access_denied; put off goes on waiting', async () => {
    const { subject } = await known(alma)
    const asked = await json<{ auth_req_id: string }>(question(subject))
    const page = pageOf(String((await listOf(alma))[0]?.page))
    const view = await readPage(page, alma)
    expect(await json(postDecision(page, alma, answer('later')(view)))).toEqual({ status: 'later' })
    expect(await verdict(poll(asked.auth_req_id))).toBe('400 authorization_pending')
    await postDecision(page, alma, answer('deny')(view))
    expect(await verdict(poll(asked.auth_req_id))).toBe('400 access_denied')
  })

  test('who was never told to this business is unknown, whoever it is', async () => {
    const { subject } = await known(alma, rival)
    const unknown = '400 unknown_user_id'
    expect(await verdict(question(subject))).toBe(unknown)
    expect(await verdict(question('x'.repeat(43)))).toBe(unknown)
    expect(await verdict(question(alma.accountId))).toBe(unknown)
    // Allowed and never picked up: the business was told nobody.
    const pending = await ask(shop)
    const { result } = await decideAt(vault, alma, pending.url)
    const grant = await readGrant(vault.ledger, String(result.grantId))
    expect(await verdict(question(String(grant?.value.subject)))).toBe(unknown)
  })

  test.each([
    ['no details', { authorization_details: '' }, '400 invalid_request'],
    [
      'an unknown field',
      { authorization_details: '[{"type":"urn:reach:access-request:1"}]' },
      '400 invalid_authorization_details',
    ],
    ['a code of many words', { binding_message: 'please tap yes now' }, '400 invalid_binding_message'],
    ['another hint', { id_token_hint: 'a.b.c' }, '400 invalid_request'],
  ])('%s is refused', async (_what, over, expected) => {
    const { subject } = await known(alma)
    expect(await verdict(question(subject, over))).toBe(expected)
  })

  test('nobody is flooded: two may wait, five come in a day, also eight at once', async () => {
    const { subject } = await known(alma)
    const replies = await Promise.all(Array.from({ length: 8 }, () => question(subject)))
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 429, 429, 429, 429, 429, 429])
    const late = replies.find(({ status }) => status === 429)
    expect(Number(late?.headers.get('retry-after'))).toBeGreaterThan(0)
    for (let round = 0; round < 3; round++) {
      for (const { page } of await listOf(alma)) {
        const view = await readPage(pageOf(page), alma)
        await postDecision(pageOf(page), alma, allowing(view))
      }
      await question(subject)
    }
    expect(await verdict(question(subject))).toBe('429 temporarily_unavailable')
  })

  test('a business that she blocked, or whom she just refused the same, does not reach her', async () => {
    const { subject } = await known(alma)
    await question(subject)
    const page = pageOf(String((await listOf(alma))[0]?.page))
    await postDecision(page, alma, answer('deny')(await readPage(page, alma)))
    const asked = await json<{ auth_req_id: string }>(question(subject))
    expect(await listOf(alma)).toEqual([])
    expect(await verdict(poll(asked.auth_req_id))).toBe('400 authorization_pending')
  })

  test('a business that does not ask for the grant type does not get it', async () => {
    const plain = await vault.business()
    const { subject } = await known(alma, plain)
    expect(await verdict(question(subject, {}, plain))).toBe('400 invalid_request')
  })

  test('pings the business by a job of the decision, which finds out nothing but that there is an answer', async () => {
    const pings: { auth?: string | undefined; body: string }[] = []
    const server = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += String(chunk)
      pings.push({ auth: request.headers.authorization, body })
      response.writeHead(pings.length === 1 ? 500 : 204).end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const endpoint = `http://127.0.0.1:${(server.address() as { port: number }).port}/ping`
    const pinged = await vault.business({
      overrides: {
        grant_types: ['authorization_code', 'refresh_token', ciba],
        backchannel_token_delivery_mode: 'ping',
        backchannel_client_notification_endpoint: endpoint,
      },
    })
    const { registration_client_uri: at, registration_access_token: token } = pinged.metadata
    const authorization = `Bearer ${String(token)}`
    const registered = await json<object>(fetch(String(at), { headers: { authorization } }))
    for (const shown of [pinged.metadata, registered]) {
      expect(shown).toMatchObject({
        grant_types: ['authorization_code', 'refresh_token', ciba],
        backchannel_token_delivery_mode: 'ping',
        backchannel_client_notification_endpoint: endpoint,
      })
      expect(shown).not.toHaveProperty('polling')
    }
    const { subject } = await known(alma, pinged)
    expect(await verdict(question(subject, {}, pinged))).toBe('400 invalid_request')
    const notification = 'token-of-the-business'
    const asked = await json<{ auth_req_id: string }>(
      question(subject, { client_notification_token: notification }, pinged),
    )
    const page = pageOf(String((await listOf(alma))[0]?.page))
    await postDecision(page, alma, allowing(await readPage(page, alma)))
    {
      const now = () => Date.now()
      const handlers = cibaPings({ fetch, now })
      const log = createLogger({ level: 'silent' })
      await using jobs = startJobs(
        { ledger: vault.ledger, handlers, now, random: () => 0, log },
        { backoffMs: 1, pollMs: 5 },
      )
      jobs.wake()
      await expect.poll(() => pings.length, { timeout: 10_000 }).toBe(2)
      await jobs.settle()
    }
    server.close()
    const expected = {
      auth: `Bearer ${notification}`,
      body: JSON.stringify({ auth_req_id: asked.auth_req_id }),
    }
    expect(pings).toEqual([expected, expected])
    expect((await poll(asked.auth_req_id, pinged)).status).toBe(200)
  })
})

describe('a link or QR code', () => {
  interface Link {
    device_code: string
    user_code: string
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
    expect(await stateOf(result.grantId)).toBe('live')
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
    expect(await stateOf(result.grantId)).toBe('unredeemed')
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
  const { subject } = await known(alma)
  const parameters = {
    scope: 'openid offline_access',
    authorization_details: JSON.stringify([accessRequest()]),
  }
  const asked = await oauth.initiateBackchannelAuthentication(config, { ...parameters, login_hint: subject })
  const page = pageOf(String((await listOf(alma))[0]?.page))
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

test('of one business twenty requests can wait for a customer', async () => {
  const pages = []
  for (let count = 0; count < 21; count++)
    pages.push(await postOpen(await openPage(vault, alma, (await ask(rival)).url), alma))
  expect(pages.map(({ status }) => status)).toEqual([...Array<number>(20).fill(200), 429])
  expect(await listOf(alma)).toHaveLength(20)
})

test('registrations from one address are limited', async () => {
  await using own = await startOAuthVault()
  const statuses = []
  for (let round = 0; round < 13; round++)
    statuses.push(
      ...(await Promise.all(Array.from({ length: 10 }, () => postRegistration(own.issuer, 'guess', {})))),
    )
  expect(statuses.map(({ status }) => status).filter((status) => status === 401)).toHaveLength(120)
  const late = statuses.find(({ status }) => status === 429)
  expect(Number(late?.headers.get('retry-after'))).toBeGreaterThan(0)
})

test('requests are limited per business, and told when to come again', async () => {
  const eager = await vault.business({ redirectUri: 'https://eager.example/callback' })
  const statuses = []
  for (let round = 0; round < 31; round++)
    statuses.push(...(await Promise.all(Array.from({ length: 10 }, () => outcome(ask(eager))))))
  expect(statuses.filter((one) => one === 'accepted')).toHaveLength(300)
  expect(new Set(statuses.filter((one) => one !== 'accepted'))).toEqual(
    new Set(['429 temporarily_unavailable']),
  )
  expect(await outcome(ask(shop))).toBe('accepted')
})

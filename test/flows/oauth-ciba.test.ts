/** Questions to a customer whom the business knows (OpenID Connect CIBA Core 1.0). */
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { letAsk } from '#core/domain/boundary.ts'
import { readFact } from '#core/domain/facts.ts'
import { startJobs } from '#core/jobs/worker.ts'
import { createLogger } from '#core/logger.ts'
import { boundaryOf } from '#core/records/boundaries.ts'
import { readGrant } from '#core/records/grants.ts'
import { listDueJobs } from '#core/records/jobs.ts'
import { readRequest } from '#core/records/requests.ts'
import { listVendorEvents } from '#core/records/vendor-events.ts'
import { turnedAwayJobs } from '../../vault-server/customer/turned-away.ts'
import { cibaPings } from '../../vault-server/oauth/ciba-ping.ts'
import type { DecisionResult } from '../../schemas/types.gen.ts'
import { accessRequest, ask, postForm, refresh, verdict } from '../business.ts'
import type { Business } from '../business.ts'
import {
  allowing,
  comeBack,
  decideAt,
  openPage,
  postDecision,
  readPage,
  startTwoShops,
} from '../oauth-vault.ts'
import type { Customer, OAuthVault, Registered } from '../oauth-vault.ts'
import {
  answer,
  as,
  ciba,
  firstPage,
  json,
  known,
  listOf,
  pageOf,
  polling,
  stateOf,
} from '../without-browser.ts'

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
  /** What is turned away is refused when its time has come; this is after the longest unless told, in ms. */
  const refuseDue = async (later = 11_000) => {
    const now = () => Date.now() + later
    const { ledger, authorization } = vault
    const handlers = turnedAwayJobs({ ledger, interactions: authorization.interactions, now })
    const log = createLogger({ level: 'silent' })
    await using jobs = startJobs({ ledger, handlers, now, random: () => 0, log })
    await jobs.settle()
  }
  const poll = (id: string, business: Business = shop) =>
    postForm(business, 'token', { grant_type: ciba, auth_req_id: id })

  test('waits on her list with the code that the business shows, and is answered to the next poll', async () => {
    const before = await known(vault, alma, shop)
    const asked = await json<{ auth_req_id: string; expires_in: number }>(question(before.subject))
    expect(asked.expires_in).toBe(3600)
    expect(await verdict(poll(asked.auth_req_id))).toBe('400 authorization_pending')
    const [waiting] = await listOf(vault, alma)
    expect(waiting).toMatchObject({ status: 'open', channel: 'ciba', matchingCode: 'TABLE-7' })
    const page = pageOf(vault, String(waiting?.page))
    const view = await readPage(page, alma)
    expect(view).toMatchObject({ channel: 'ciba', matchingCode: 'TABLE-7' })
    expect(view).not.toHaveProperty('returnHost')
    const result = await json<DecisionResult>(postDecision(page, alma, allowing(view)))
    expect(result).not.toHaveProperty('returnTo')
    expect(await stateOf(vault, result.grantId)).toBe('unredeemed')
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
    expect(await stateOf(vault, result.grantId)).toBe('live')
    expect((await refresh(shop, tokens.refresh_token)).subject).toBe(before.subject)
    expect(await verdict(poll(asked.auth_req_id))).toBe('400 invalid_grant')
  })

  test('refused is access_denied; put off goes on waiting', async () => {
    const { subject } = await known(vault, alma, shop)
    const asked = await json<{ auth_req_id: string }>(question(subject))
    const page = await firstPage(vault, alma)
    const view = await readPage(page, alma)
    expect(await json(postDecision(page, alma, answer('later')(view)))).toEqual({ status: 'later' })
    expect(await verdict(poll(asked.auth_req_id))).toBe('400 authorization_pending')
    await postDecision(page, alma, answer('deny')(view))
    expect(await verdict(poll(asked.auth_req_id))).toBe('400 access_denied')
  })

  test('who was never told to this business is unknown, whoever it is', async () => {
    const { subject } = await known(vault, alma, rival)
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
    const { subject } = await known(vault, alma, shop)
    expect(await verdict(question(subject, over))).toBe(expected)
  })

  test('nobody is flooded: two may wait, five come in a day, also eight at once', async () => {
    const { subject } = await known(vault, alma, shop)
    const replies = await Promise.all(Array.from({ length: 8 }, () => question(subject)))
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 429, 429, 429, 429, 429, 429])
    const late = replies.find(({ status }) => status === 429)
    expect(Number(late?.headers.get('retry-after'))).toBeGreaterThan(0)
    for (let round = 0; round < 3; round++) {
      for (const { page } of await listOf(vault, alma)) {
        const view = await readPage(pageOf(vault, page), alma)
        await postDecision(pageOf(vault, page), alma, allowing(view))
      }
      await question(subject)
    }
    expect(await verdict(question(subject))).toBe('429 temporarily_unavailable')
  })

  test('a business that she blocked, or whom she just refused the same, does not reach her', async () => {
    const { subject } = await known(vault, alma, shop)
    await question(subject)
    const page = await firstPage(vault, alma)
    await postDecision(page, alma, answer('deny')(await readPage(page, alma)))
    const asked = await json<{ auth_req_id: string }>(question(subject))
    expect(await listOf(vault, alma)).toEqual([])
    // Nobody can tell it from a question that she has not looked at yet.
    expect(await verdict(poll(asked.auth_req_id))).toBe('400 authorization_pending')
    await refuseDue()
    expect(await verdict(poll(asked.auth_req_id))).toBe('400 access_denied')
    const [latest] = await vault.ledger.history(alma.accountId, { limit: 1 })
    expect(readFact(latest?.ops ?? '')).toMatchObject({ type: 'turned-away', reason: 'cool-off' })
  })

  test('a question that is turned away waits like any other, and is hers again when she lets the business ask', async () => {
    const { subject } = await known(vault, alma, shop)
    await question(subject)
    const page = await firstPage(vault, alma)
    await postDecision(page, alma, answer('deny')(await readPage(page, alma)))
    const asked = await json<{ auth_req_id: string }>(question(subject))
    await question(subject)
    expect(await verdict(question(subject))).toBe('429 temporarily_unavailable')
    const { boundary, set } = await boundaryOf(vault.ledger, alma.accountId, shop.vendorId)
    await vault.ledger.commit(set(letAsk(boundary)))
    await refuseDue()
    expect(await verdict(poll(asked.auth_req_id))).toBe('400 authorization_pending')
    const waiting = await listOf(vault, alma)
    expect(waiting).toHaveLength(2)
    const hers = pageOf(vault, String(waiting[1]?.page))
    await postDecision(hers, alma, allowing(await readPage(hers, alma)))
    expect((await poll(asked.auth_req_id)).status).toBe(200)
  })

  test('a question that is turned away and runs out before it is refused was answered by nobody, and she is told', async () => {
    const { subject } = await known(vault, alma, shop)
    await question(subject)
    const page = await firstPage(vault, alma)
    await postDecision(page, alma, answer('deny')(await readPage(page, alma)))
    const before = await listVendorEvents(vault.ledger, { limit: 1_000 })
    const asked = await json<{ auth_req_id: string }>(question(subject, { requested_expiry: '60' }))
    await refuseDue(61_000)
    expect(await verdict(poll(asked.auth_req_id))).toBe('400 authorization_pending')
    expect(await listVendorEvents(vault.ledger, { limit: 1_000 })).toHaveLength(before.length)
    const { boundary } = await boundaryOf(vault.ledger, alma.accountId, shop.vendorId)
    expect(boundary.turnedAway).toMatchObject([{ reason: 'cool-off' }])
    const [latest] = await vault.ledger.history(alma.accountId, { limit: 1 })
    expect(readFact(latest?.ops ?? '')).toMatchObject({ type: 'requested' })
  })

  test('who walks away from a page that turned away leaves a refusal all the same, and can still go back', async () => {
    await decideAt(vault, alma, (await ask(shop)).url, answer('deny'))
    const page = await openPage(vault, alma, (await ask(shop)).url)
    const view = await readPage(page, alma)
    expect(view).toMatchObject({ status: 'open', turnedAway: { reason: 'cool-off' } })
    expect(view).not.toHaveProperty('returnTo')
    const statusOf = async () => (await readRequest(vault.ledger, view.requestId))?.value.status
    // Looking again brings it no earlier, nor twice.
    await readPage(page, alma)
    expect(await statusOf()).toBe('open')
    await refuseDue()
    expect(await statusOf()).toBe('refused')
    const { returnTo } = await json<DecisionResult>(alma.browser.post(`${page.href}/leave`, {}, as(alma)))
    const callback = await comeBack(vault, alma, returnTo)
    expect(callback.searchParams.get('error')).toBe('access_denied')
    const told = await vault.ledger.history(alma.accountId, { limit: 10 })
    const types = told.map(({ ops }) => readFact(ops).type)
    expect(types).toEqual(['turned-away', 'requested', 'refused', 'requested'])
  })

  test('turned away is told to the business as a refusal is: by the event and by the ping', async () => {
    const pinged = await vault.business({
      overrides: {
        grant_types: ['authorization_code', 'refresh_token', ciba],
        backchannel_token_delivery_mode: 'ping',
        backchannel_client_notification_endpoint: 'https://shop.example/ping',
      },
    })
    const { subject } = await known(vault, alma, pinged)
    const told = async () => {
      const events = await listVendorEvents(vault.ledger, { limit: 1_000 })
      const due = await listDueJobs(vault.ledger, Date.now() + 60_000, { limit: 1_000 })
      return {
        refusals: events.filter(
          ({ value: { vendorId, status } }) => vendorId === pinged.vendorId && status === 'refused',
        ).length,
        pings: due.filter(({ value }) => value.kind === 'ciba-ping').length,
      }
    }
    const before = await told()
    for (const times of [1, 2]) {
      await question(subject, { client_notification_token: `token-${times}` }, pinged)
      if (times === 1) {
        const page = await firstPage(vault, alma)
        await postDecision(page, alma, answer('deny')(await readPage(page, alma)))
      } else {
        expect(await told()).toEqual({ refusals: before.refusals + 1, pings: before.pings + 1 })
        await refuseDue()
      }
      expect(await told()).toEqual({ refusals: before.refusals + times, pings: before.pings + times })
    }
    expect(await listOf(vault, alma)).toEqual([])
  })

  test('of a business that has left can still be refused', async () => {
    const leaving = await vault.business({ overrides: polling })
    const { subject } = await known(vault, alma, leaving)
    await question(subject, {}, leaving)
    const page = await firstPage(vault, alma)
    const view = await readPage(page, alma)
    const { registration_client_uri: at, registration_access_token: token } = leaving.metadata
    const authorization = `Bearer ${String(token)}`
    expect((await fetch(String(at), { method: 'DELETE', headers: { authorization } })).status).toBe(204)
    const allowed = await postDecision(page, alma, allowing(view))
    expect(await json(allowed)).toMatchObject({ code: 'vendor-suspended' })
    expect((await postDecision(page, alma, answer('deny')(view))).status).toBe(200)
  })

  test('a business that does not ask for the grant type does not get it', async () => {
    const plain = await vault.business()
    const { subject } = await known(vault, alma, plain)
    expect(await verdict(question(subject, {}, plain))).toBe('400 invalid_request')
  })

  test('pings the business by a job of the decision, which finds out nothing but that there is an answer', async () => {
    const pings: { auth?: string | undefined; body: string }[] = []
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => (body += String(chunk)))
      request.on('end', () => {
        pings.push({ auth: request.headers.authorization, body })
        response.writeHead(pings.length === 1 ? 500 : 204).end()
      })
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
    const { subject } = await known(vault, alma, pinged)
    expect(await verdict(question(subject, {}, pinged))).toBe('400 invalid_request')
    const notification = 'token-of-the-business'
    const asked = await json<{ auth_req_id: string }>(
      question(subject, { client_notification_token: notification }, pinged),
    )
    const page = await firstPage(vault, alma)
    await postDecision(page, alma, allowing(await readPage(page, alma)))
    await vault.operator.suspend(pinged.vendorId)
    {
      const now = () => Date.now()
      const handlers = cibaPings({ reader: vault.ledger, fetch, now })
      const log = createLogger({ level: 'silent' })
      await using jobs = startJobs(
        { ledger: vault.ledger, handlers, now, random: () => 0, log },
        { backoffMs: 1, mostBackoffMs: 50, mostAttempts: 10_000, pollMs: 5 },
      )
      jobs.wake()
      const id = `ciba-ping-${hash('sha256', asked.auth_req_id, 'base64url')}`
      const attempts = async () =>
        (await listDueJobs(vault.ledger, Date.now() + 600_000, { limit: 1_000 })).find(
          ({ value }) => value.id === id,
        )?.value.attempts
      await expect.poll(attempts).toBeGreaterThan(1)
      expect(pings).toEqual([])
      await vault.operator.reinstate(pinged.vendorId)
      await expect.poll(() => pings.length).toBe(2)
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

/**
 * Answers that a business polls for and answers from the list, eight times at once, with the milliseconds a database may
 * take between a check and a write.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { withdraw } from '#core/domain/grant.ts'
import { grantEntry } from '#core/records/entries.ts'
import { changeGrant, readGrant } from '#core/records/grants.ts'
import { combine } from '#core/records/parts.ts'
import type { DecisionResult } from '../../schemas/types.gen.ts'
import { accessRequest, ask, outcome, postForm, redeem, refresh } from '../business.ts'
import {
  allowing,
  comeBack,
  decideAt,
  eight,
  postDecision,
  readPage,
  startSlowVault,
} from '../oauth-vault.ts'
import type { Customer, Registered, SlowVault } from '../oauth-vault.ts'
import { answer, as, ciba, device, firstPage, json, polling } from '../without-browser.ts'

const details = JSON.stringify([accessRequest()])

let vault: SlowVault
let shop: Registered
let alma: Customer

beforeAll(async () => {
  vault = await startSlowVault()
  shop = await vault.business({ overrides: polling })
})

beforeEach(async () => {
  alma = await vault.customer()
})

afterAll(async () => {
  await vault[Symbol.asyncDispose]()
})

async function question() {
  const pending = await ask(shop)
  const { callback } = await decideAt(vault, alma, pending.url)
  const { subject } = await redeem(shop, callback, pending)
  const { auth_req_id } = await json<{ auth_req_id: string }>(
    postForm(shop, 'backchannel', { scope: 'openid', login_hint: subject, authorization_details: details }),
  )
  const page = await firstPage(vault, alma)
  const result = await json<DecisionResult>(postDecision(page, alma, allowing(await readPage(page, alma))))
  return { grantId: String(result.grantId), form: { grant_type: ciba, auth_req_id } }
}

async function link() {
  const asked = await json<{ device_code: string; user_code: string }>(
    postForm(shop, 'device/auth', { scope: 'openid', authorization_details: details }),
  )
  const code = asked.user_code
  const { location } = await json<{ location: string }>(
    alma.browser.post(`${vault.vaultUrl}/api/link`, { code }, as(alma)),
  )
  const page = new URL(location)
  const decision = { ...allowing(await readPage(page, alma)), matchingCode: code }
  const result = await json<DecisionResult>(postDecision(page, alma, decision))
  const form = {
    grant_type: device,
    device_code: asked.device_code,
    pickup_code: String(result.pickupCode),
  }
  return { grantId: String(result.grantId), form }
}

describe.each([0, 20])('with %i ms of delay', (delay) => {
  test.each([
    ['a question', question, '400 invalid_grant'],
    // Tries of the pick-up code run out before anybody sees that it was used; the one who won keeps its tokens.
    ['a link', link, undefined],
  ])(
    '%s that was answered is redeemed once, and the consent lives on',
    async (_what, answered, refreshed) => {
      const { grantId, form } = await answered()
      const replies = await vault.slowly(delay, () => eight(() => postForm(shop, 'token', form)))
      const good = replies.filter(({ ok }) => ok)
      expect(good.length).toBeLessThanOrEqual(1)
      for (const reply of replies.filter(({ ok }) => !ok))
        expect([reply.status, await reply.json()]).toMatchObject([400, { error: 'invalid_grant' }])
      const won = (await good[0]?.json()) as { refresh_token: string } | undefined
      if (won !== undefined && refreshed !== undefined)
        expect(await outcome(refresh(shop, won.refresh_token))).toBe(refreshed)
      expect((await readGrant(vault.ledger, grantId))?.value).toMatchObject({
        state: 'active',
        redeemed: true,
      })
      const facts = (await vault.ledger.history(grantId)).map(({ ops }) => readFact(ops).type)
      expect(facts).toEqual(['redeemed', 'granted'])
    },
  )

  test('withdrawn while it is picked up: no token is left that works', async () => {
    const { grantId, form } = await question()
    const { ledger, names } = vault
    const end = async (): Promise<void> => {
      for (;;) {
        const stored = await readGrant(ledger, grantId)
        if (stored === undefined) throw new Error('no grant')
        const change = await changeGrant(
          { reader: ledger, names },
          stored,
          withdraw(stored.value, Date.now()),
        )
        const entries = [grantEntry(stored.value, { type: 'withdrawn' })]
        if (
          await ledger.commit(combine(change, { entries })).then(
            () => true,
            () => false,
          )
        )
          return
      }
    }
    const [reply] = await vault.slowly(delay, () => Promise.all([postForm(shop, 'token', form), end()]))
    const tokens = reply.ok
      ? ((await reply.json()) as { access_token: string; refresh_token?: string })
      : undefined
    if (tokens !== undefined) {
      const seen = await postForm(shop, 'token/introspection', { token: tokens.access_token })
      expect(await seen.json()).toEqual({ active: false })
      expect(await outcome(refresh(shop, String(tokens.refresh_token)))).toBe('400 invalid_grant')
    }
    expect((await readGrant(ledger, grantId))?.value.state).toBe('withdrawn')
  })

  test('one answer given on eight screens at once is one decision, and every screen can go back', async () => {
    const pending = await ask(shop)
    await decideAt(vault, alma, pending.url, answer('later'))
    const page = await firstPage(vault, alma)
    const view = await readPage(page, alma)
    const replies = await vault.slowly(delay, () => eight(() => postDecision(page, alma, allowing(view))))
    expect(replies.map(({ status }) => status)).toEqual(Array(8).fill(200))
    const results = await Promise.all(replies.map((reply) => json<DecisionResult>(reply)))
    expect(new Set(results.map(({ grantId, returnTo }) => `${grantId} ${returnTo}`)).size).toBe(1)
    const types = (await vault.ledger.history(alma.accountId)).map(({ ops }) => readFact(ops).type)
    expect(types).toEqual(['granted', 'deferred', 'requested'])
    const tokens = await redeem(shop, await comeBack(vault, alma, results[0]?.returnTo), pending)
    expect(tokens.grantId).toBe(results[0]?.grantId)
  })
})

/** Requests that were put off, or whose page was closed, and are answered from the customer's list. Rows 30 and 43. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DecisionResult } from '../../schemas/types.gen.ts'
import { BrowserJar } from '../browser-jar.ts'
import { ask, redeem } from '../business.ts'
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
import {
  answer,
  as,
  elsewhere,
  firstPage,
  json,
  listOf,
  pageOf,
  polling,
  stateOf,
} from '../without-browser.ts'

let vault: OAuthVault
let shop: Registered
let alma: Customer

beforeAll(async () => {
  ;({ vault, shop } = await startTwoShops(polling))
})

beforeEach(async () => {
  alma = await vault.customer()
})

afterAll(async () => {
  await vault[Symbol.asyncDispose]()
})

describe('decided later', () => {
  async function putOff() {
    const pending = await ask(shop)
    const { callback, view } = await decideAt(vault, alma, pending.url, answer('later'))
    expect(callback.searchParams.get('error')).toBe('interaction_required')
    return { pending, view }
  }

  test('a request that was put off stays on the list for a month and is answered from there', async () => {
    const { pending, view } = await putOff()
    const [waiting] = await listOf(vault, alma)
    expect(waiting).toMatchObject({ requestId: view.requestId, status: 'later', channel: 'browser' })
    expect(Date.parse(String(waiting?.expiresAt))).toBeGreaterThan(Date.now() + 29 * 86_400_000)
    const phone = elsewhere(alma)
    const page = pageOf(vault, String(waiting?.page))
    const shown = await readPage(page, phone)
    expect(shown).toMatchObject({
      requestHash: view.requestHash,
      status: 'later',
      returnHost: 'shop.example',
    })
    expect(shown).not.toHaveProperty('returnTo')
    const result = await json<DecisionResult>(postDecision(page, phone, allowing(shown)))
    expect(result.status).toBe('allowed')
    expect(await stateOf(vault, result.grantId)).toBe('unredeemed')
    const callback = await comeBack(vault, phone, result.returnTo)
    expect(callback.searchParams.get('state')).toBe(pending.state)
    const tokens = await redeem(shop, callback, pending)
    expect(tokens.grantId).toBe(result.grantId)
    expect(await stateOf(vault, result.grantId)).toBe('live')
    expect(await listOf(vault, alma)).toEqual([])
  })

  test('the same answer again gets the same way back, another one is refused', async () => {
    const { pending } = await putOff()
    const page = await firstPage(vault, alma)
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
    const page = await firstPage(vault, alma)
    const view = await readPage(page, alma)
    expect(await json(postDecision(page, alma, answer('later')(view)))).toEqual({ status: 'later' })
    const refused = await json<DecisionResult>(postDecision(page, alma, answer('deny')(view)))
    expect(refused.status).toBe('refused')
    const callback = await comeBack(vault, alma, refused.returnTo)
    expect(callback.searchParams.get('error')).toBe('access_denied')
  })

  test('leads nobody to an address that the business has given up since; no is still taken', async () => {
    const moving = await vault.business({ overrides: polling })
    const pending = await ask(moving)
    await decideAt(vault, alma, pending.url, answer('later'))
    const { registration_client_uri: at, registration_access_token: token, jwks } = moving.metadata
    const redirect_uris = ['https://new.example/callback']
    const changed = await fetch(String(at), {
      method: 'PUT',
      headers: { authorization: `Bearer ${String(token)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ client_id: moving.clientId, jwks, redirect_uris }),
    })
    expect(changed.status).toBe(200)
    const page = await firstPage(vault, alma)
    const view = await readPage(page, alma)
    expect(await json(postDecision(page, alma, allowing(view)))).toMatchObject({ code: 'request-expired' })
    const refused = await json<DecisionResult>(postDecision(page, alma, answer('deny')(view)))
    expect(refused.status).toBe('refused')
    expect(refused).not.toHaveProperty('returnTo')
  })

  test('an open request whose page was closed is answered from the list as well', async () => {
    const pending = await ask(shop)
    await readPage(await openPage(vault, alma, pending.url), alma)
    const phone = elsewhere(alma)
    const page = await firstPage(vault, alma)
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
    const [waiting] = await listOf(vault, alma)
    const page = pageOf(vault, String(waiting?.page))
    expect((await postOpen(page, mallory)).status).toBe(404)
    expect(await listOf(vault, mallory)).toEqual([])
    const view = await readPage(page, alma)
    expect(
      (await postDecision(page, mallory, { ...allowing(view), accountId: mallory.accountId })).status,
    ).toBe(404)
    const result = await json<DecisionResult>(postDecision(page, alma, allowing(view)))
    // She cannot take the way back: neither her own interaction nor the address of the other opens it.
    expect(await comeBack(vault, mallory, result.returnTo).catch(String)).toContain('not sent back: 400')
    const own = hers.href.replace('/consent/', '/oauth/auth/')
    expect(await comeBack(vault, mallory, own).catch(String)).toContain('not sent back')
    expect(await stateOf(vault, result.grantId)).toBe('unredeemed')
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

  test('all of it under a path, as the tour has it', async () => {
    await using tour = await startOAuthVault({ path: '/tour' })
    const [stall, bert] = [await tour.business({ overrides: polling }), await tour.customer()]
    const pending = await ask(stall)
    await decideAt(tour, bert, pending.url, answer('later'))
    const page = await firstPage(tour, bert)
    expect(page.pathname).toMatch(/^\/tour\/consent\//)
    const result = await json<DecisionResult>(postDecision(page, bert, allowing(await readPage(page, bert))))
    const tokens = await redeem(stall, await comeBack(tour, bert, result.returnTo), pending)
    expect(tokens.grantId).toBe(result.grantId)
    const resume = bert.browser.cookies.filter(({ name }) => name.startsWith('reach-resume'))
    for (const cookie of resume) expect(cookie.path).toMatch(/^\/tour\/oauth\/auth\//)
  })
})

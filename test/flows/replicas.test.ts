import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import * as oauth from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { replay } from '#core/domain/replay.ts'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import {
  ask,
  assertion,
  postForm,
  proof,
  registerBusiness,
  verdict,
  type Business,
  type Raw,
  type Tokens,
} from '../business.ts'
import { allowAll, connectPod, decide, openPage } from '../consent.ts'
import { checkLog } from '../check-log.ts'
import { loggedFacts } from '../logged-facts.ts'
import { REPLICA_HEADER, startReplicas, type Replicas } from '../replicas.ts'
import { VaultBrowser } from '../vault.ts'
import type { DecisionResult } from '../../schemas/types.gen.ts'

let house: Replicas
const opened = new AsyncDisposableStack()

beforeAll(async () => {
  await buildConsentApp()
  house = opened.use(await startReplicas())
}, 600_000)
afterAll(() => opened.disposeAsync(), 180_000)

const path = (subject: string): string =>
  `/v1/subjects/${subject}?fields=profile.name&purpose=dpv:CustomerOrderManagement`

interface Relation {
  readonly business: Business
  readonly tokens: Tokens
  readonly grantId: string
  /** For each gateway, since proofs made for one are worth nothing at the other. */
  readonly proofs: readonly oauth.DPoPHandle[]
}

async function newCustomer(): Promise<VaultBrowser> {
  const browser = new VaultBrowser(house.vaultUrl)
  const podName = `v${randomBytes(8).toString('hex')}`
  const made = await browser.post('/api/vaults', {
    podName,
    email: `${podName}@example.org`,
    password: randomUUID(),
  })
  expect(made.status).toBe(201)
  await connectPod(browser)
  return browser
}

async function newBusiness(): Promise<Business> {
  const admission = await house.operator.add({ name: 'Corner Shop', contact: 'privacy@shop.example' })
  return registerBusiness(`${house.vaultUrl}/oauth`, admission)
}

async function relate(browser: VaultBrowser, known?: Business): Promise<Relation> {
  const business = known ?? (await newBusiness())
  const allowed = await allowAll({ url: house.vaultUrl }, browser, business)
  const proofs = [1, 2].map(() => oauth.getDPoPHandle(business.config, business.dpopKeys))
  return { ...allowed, business, proofs }
}

/** One form at both vaults at once; what is not given in `raw` is made anew for each. */
function atBoth(business: Business, form: Record<string, string>, raw: Raw = {}): Promise<Response[]> {
  const send = (replica: string) =>
    postForm(business, 'token', form, { ...raw, headers: { [REPLICA_HEADER]: replica } })
  return Promise.all([send('1'), send('2')])
}

/** What the vault that is asked now says of the limit of this business. */
async function callsLeft(business: Business): Promise<number> {
  const reply = await postForm(business, 'token/introspection', { token: 'unknown' })
  return Number(/"calls";r=(\d+)/.exec(reply.headers.get('ratelimit') ?? '')?.[1])
}

/** Undefined: the gateway is away. */
async function read(
  { business, tokens, proofs }: Relation,
  gateway: 1 | 2,
): Promise<{ status: number; index: number } | undefined> {
  const DPoP = proofs[gateway - 1]
  try {
    const response = await oauth.fetchProtectedResource(
      business.config,
      tokens.accessToken,
      new URL(house.gatewayUrl + path(tokens.subject)),
      'GET',
      null,
      new Headers({ [REPLICA_HEADER]: String(gateway) }),
      DPoP === undefined ? {} : { DPoP },
    )
    const { status } = response
    const body = (await response.json()) as { log?: { index: number } }
    return { status, index: body.log?.index ?? -1 }
  } catch (error) {
    if (error instanceof oauth.WWWAuthenticateChallengeError) return { status: error.status, index: -1 }
    if (error instanceof TypeError || error instanceof SyntaxError) return undefined
    throw error
  }
}

const act = (browser: VaultBrowser, { grantId }: Relation, what: string) =>
  browser.post(`/api/grants/${grantId}/${what}`)

describe('two vaults and two gateways on one database', () => {
  test('what is decided at one is so at all: a decision, reads, a page that is open, an end', async () => {
    const browser = await newCustomer()
    const relation = await relate(browser)
    const before = await callsLeft(relation.business)
    house.vault = 'vault-b'
    expect(await callsLeft(relation.business)).toBe(before - 1)
    const seen = await browser.get('/api/grants')
    expect(JSON.stringify(seen.body)).toContain(relation.grantId)
    expect((await browser.get('/api/me')).body).toMatchObject({ signedIn: true, embeddedPods: true })

    const stopped = new AbortController()
    const page = await browser.jar.go(`${house.vaultUrl}/api/events`, {
      signal: stopped.signal,
      headers: { 'sec-fetch-site': 'same-origin' },
    })
    const [first, second] = [await read(relation, 1), await read(relation, 2)]
    expect([first?.status, second?.status]).toEqual([200, 200])
    let told = ''
    for await (const part of page.body ?? []) {
      told += Buffer.from(part as Uint8Array).toString()
      if (told.includes('disclosed')) break
    }
    expect(told).toContain(relation.grantId)
    stopped.abort()
    const activity = JSON.stringify((await browser.get('/api/activity')).body)
    expect(activity.split('"disclosed"').length - 1).toBe(2)

    expect((await act(browser, relation, 'withdraw')).body).toMatchObject({ state: 'withdrawn' })
    expect([(await read(relation, 1))?.status, (await read(relation, 2))?.status]).toEqual([404, 404])
    house.vault = 'vault-a'
    expect(JSON.stringify((await browser.get(`/api/grants/${relation.grantId}`)).body)).toContain('withdrawn')
  })

  test('what comes to both vaults at once is good once, and a refresh token as often as it comes', async () => {
    const browser = await newCustomer()
    const business = await newBusiness()
    const once = async (form: Record<string, string>, raw: Raw) =>
      (await Promise.all((await atBoth(business, form, raw)).map(verdict))).toSorted()
    const batch = { grant_type: 'client_credentials', scope: 'batch' }
    expect(await once(batch, { assertion: await assertion(business) })).toEqual(['200', '401 invalid_client'])
    const target = { htm: 'POST', htu: `${business.issuer}/token` }
    expect(await once(batch, { proof: await proof(business.dpopKeys, target) })).toEqual([
      '200',
      '400 invalid_grant',
    ])

    const pending = await ask(business)
    const page = await openPage({ url: house.vaultUrl }, browser, pending)
    const { returnTo, grantId } = (await decide(browser, page)).body as DecisionResult
    const { origin } = new URL(house.vaultUrl)
    const { url } = await browser.jar.follow(String(returnTo), (next) => next.origin !== origin)
    const redeemed = await atBoth(business, {
      grant_type: 'authorization_code',
      code: String(url.searchParams.get('code')),
      redirect_uri: business.redirectUri,
      code_verifier: pending.codeVerifier,
    })
    const winner = redeemed.find(({ ok }) => ok)
    for (const reply of redeemed) if (reply !== winner) expect(await verdict(reply)).toBe('400 invalid_grant')
    // Whoever presents a code twice has lost the tokens of the first time as well; the consent stands.
    if (winner !== undefined) {
      const { refresh_token: late } = (await winner.json()) as { refresh_token: string }
      for (const reply of await atBoth(business, { grant_type: 'refresh_token', refresh_token: late }))
        expect(await verdict(reply)).toBe('400 invalid_grant')
    }
    expect((await browser.get(`/api/grants/${grantId}`)).body).toMatchObject({ state: 'active' })

    const relation = await relate(browser, business)
    const form = { grant_type: 'refresh_token', refresh_token: relation.tokens.refreshToken }
    for (const reply of await atBoth(business, form)) {
      expect(reply.status).toBe(200)
      const { access_token: accessToken } = (await reply.json()) as { access_token: string }
      const tokens = { ...relation.tokens, accessToken }
      const read1 = await read({ ...relation, tokens }, 1)
      const read2 = await read({ ...relation, tokens }, 2)
      expect([read1?.status, read2?.status]).toEqual([200, 200])
    }
    // Given back at one while the other refreshes: what that still gives is worth nothing.
    const [late] = await Promise.all([
      postForm(business, 'token', form, { headers: { [REPLICA_HEADER]: '1' } }),
      postForm(
        business,
        'token/revocation',
        { token: form.refresh_token },
        { headers: { [REPLICA_HEADER]: '2' } },
      ),
    ])
    if (late.ok) {
      const { access_token: accessToken } = (await late.json()) as { access_token: string }
      for (const gateway of [1, 2] as const)
        expect(
          (await read({ ...relation, tokens: { ...relation.tokens, accessToken } }, gateway))?.status,
        ).toBe(401)
    }
    for (const reply of await atBoth(business, form)) expect(await verdict(reply)).toBe('400 invalid_grant')
  })

  test('one gateway paused, one killed while grants end at a vault: nothing after an end, nothing lost', async () => {
    const browser = await newCustomer()
    const relations: Relation[] = []
    for (let i = 0; i < 4; i++) relations.push(await relate(browser))
    const [early, paused, late, kept] = relations as [Relation, Relation, Relation, Relation]
    const got: { relation: Relation; index: number }[] = []
    const ended = new Map<Relation, number>()
    let isOver = false
    const reading = relations.flatMap((relation) =>
      ([1, 2] as const).map(async (gateway) => {
        while (!isOver) {
          const wasEnded = ended.has(relation)
          const reply = await read(relation, gateway)
          if (reply === undefined) await sleep(50)
          else if (reply.status === 200) {
            expect(wasEnded).toBe(false)
            got.push({ relation, index: reply.index })
          } else expect(ended.has(relation) || ending.has(relation) || reply.status === 503).toBe(true)
        }
      }),
    )
    const ending = new Set<Relation>()
    const end = async (relation: Relation): Promise<void> => {
      ending.add(relation)
      const answer = await act(browser, relation, 'withdraw')
      expect(answer.status).toBe(200)
      ended.set(relation, got.length)
    }
    const more = async (count: number): Promise<void> => {
      const target = got.length + count
      for (let i = 0; got.length < target; i++) {
        if (i === 3000) throw new Error('no gateway answers')
        await sleep(20)
      }
    }
    await more(20)
    house.vault = 'vault-b'
    await end(early)
    house.process('gateway-2').kill('SIGSTOP')
    await more(5)
    await end(paused)
    house.process('gateway-2').kill('SIGCONT')
    await more(10)
    const victim = house.process('gateway-1')
    victim.kill('SIGKILL')
    await end(late)
    await more(5)
    await house.start('gateway-1')
    await more(10)
    isOver = true
    await Promise.all(reading)
    expect((await read(kept, 1))?.status).toBe(200)
    expect((await read(late, 1))?.status).toBe(404)

    await house.ledger.log.newest()
    const facts = await loggedFacts(house.ledger)
    await checkLog(house.ledger.log)
    expect(replay(facts)).toEqual([])
    const byIndex = new Map(facts.map(({ index, fact }) => [index, fact]))
    for (const { relation, index } of got)
      expect(byIndex.get(index)).toMatchObject({ type: 'disclosed', grant: relation.grantId })
    expect(new Set(got.map(({ index }) => index)).size).toBe(got.length)
    expect(house.errors()).toBe('')
  })
})

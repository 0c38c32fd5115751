/** The SDK against a vault or gateway that lies, breaks, or answers nonsense. */
import { createHash, createHmac, generateKeyPairSync, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { leafHash } from '#core/ledger/merkle.ts'
import { NotProven } from '#core/verifier/checkpoint.ts'
import type { Disclosure } from '#schemas/types.gen.ts'
import { Reach } from '../../vendor-gateway/sdk/client.ts'
import type { ReachError } from '../../vendor-gateway/sdk/errors.ts'
import type { PendingRequest } from '../../vendor-gateway/sdk/authorization.ts'
import { exportKey, generateKey } from '../../vendor-gateway/sdk/keys.ts'
import type { KeyPair } from '../../vendor-gateway/sdk/keys.ts'
import { LogVerifier, memoryLogStore } from '../../vendor-gateway/sdk/log.ts'
import { register } from '../../vendor-gateway/sdk/registration.ts'
import { readMessage } from '../../vendor-gateway/sdk/webhooks.ts'

const vault = 'http://localhost:3100'
const gateway = 'http://localhost:3200'
const issuer = `${vault}/oauth`
const signer = createLogSigner('localhost:3100/log', generateKeyPairSync('ed25519').privateKey)
const query = { purpose: 'dpv:DeliveryOfGoods', fields: ['profile.name'] }
const customer = { subject: 'alma', grantId: 'grant-of-alma', refreshToken: 'refresh-secret' }

/** A log with one entry, which commits to this reply, under a checkpoint of its own. */
function replyOf(subject: string, data: Disclosure['data'], proven = true): Disclosure {
  const salts = { subject: salt(), data: salt() }
  const digest = (slot: keyof typeof salts, value: string) =>
    createHash('sha256').update(`${slot}:${salts[slot]}:${value}`).digest()
  const nothing = Buffer.alloc(32)
  const parts = [nothing, digest('subject', subject), nothing, digest('data', JSON.stringify(data))]
  const entry = Buffer.concat([Buffer.of(1), ...parts])
  const checkpoint = signer.sign({ size: 1, root: Buffer.from(leafHash(entry)) })
  const extra = Buffer.from(JSON.stringify({ entry: entry.toString('base64'), openings: salts }))
  const proof = `c2sp.org/tlog-proof@v1\nextra ${extra.toString('base64')}\nindex 0\n\n${checkpoint}`
  const log = { origin: 'localhost:3100/log', index: 0, checkpoint, salts, ...(proven ? { proof } : {}) }
  return { subject, grant_id: customer.grantId, data, log }
}

const salt = () => randomBytes(16).toString('base64url')
const json = (body: unknown, init?: ResponseInit) => Response.json(body, init)

type Answers = Readonly<Record<string, (request: Request) => Response | Promise<Response>>>

/** A whole vault and gateway by the path of each request. */
function served(answers: Answers): typeof fetch {
  const all: Answers = {
    '/oauth/.well-known/openid-configuration': () =>
      json({
        issuer,
        token_endpoint: `${issuer}/token`,
        authorization_endpoint: `${issuer}/auth`,
        pushed_authorization_request_endpoint: `${issuer}/request`,
      }),
    '/oauth/token': () => json({ access_token: 'access-secret', token_type: 'DPoP', expires_in: 300 }),
    '/log/vkey': () => new Response(signer.vkey),
    ...answers,
  }
  return async (input, init) => {
    const request = new Request(input, init)
    const answer = all[new URL(request.url).pathname]
    return answer === undefined ? new Response(null, { status: 404 }) : await answer(request)
  }
}

async function open(answers: Answers, options: { gateway?: string; dpopKey?: KeyPair } = {}): Promise<Reach> {
  const assertionKey = await generateKey('shop-1')
  const keys = { assertionKey, dpopKey: await generateKey() }
  const redirectUri = 'https://shop.example/callback'
  return Reach.open({
    vault,
    gateway,
    clientId: 'shop',
    redirectUri,
    ...keys,
    fetch: served(answers),
    ...options,
  })
}

const asked = '/v1/subjects/alma'

describe('proofs', () => {
  test('of another history of the same log are none, though its key has signed them', async () => {
    const told = replyOf('alma', { 'profile.name': 'Alma' })
    const forked = replyOf('alma', { 'profile.name': 'Mallory' })
    const mixed = { ...forked, log: { ...forked.log, checkpoint: told.log.checkpoint } }
    const log = verifier(served({}))
    await log.verify(told)
    await expect(log.verify(mixed)).rejects.toBeInstanceOf(NotProven)
    await expect(log.verify(forked)).rejects.toBeInstanceOf(NotProven)
    await log.verify(told)
  })

  test('are asked for again after the log was out of reach', async () => {
    let calls = 0
    const log = verifier(
      served({ '/log/vkey': () => new Response(signer.vkey, calls++ === 0 ? { status: 503 } : {}) }),
    )
    const told = replyOf('alma', { 'profile.name': 'Alma' })
    await expect(log.verify(told)).rejects.toMatchObject({ name: 'ReachError', status: 503 })
    await log.verify(told)
  })

  test('of somebody else, or of an answer given before, answer no question', async () => {
    const other = await open({ [asked]: () => json(replyOf('berta', { 'profile.name': 'Berta' })) })
    await expect(other.read(customer, query)).rejects.toBeInstanceOf(NotProven)
    const told = replyOf('alma', { 'profile.name': 'Alma' })
    const again = await open({ [asked]: () => json(told) })
    await again.read(customer, query)
    await expect(again.read(customer, query)).rejects.toThrow(/older than the question/)
    await again.verify(told)
  })
})

describe('errors', () => {
  test('hold no token, code or value, whatever came back', async () => {
    const tokens = { access_token: 'access-secret', refresh_token: 'refresh-secret', token_type: 'odd' }
    const reach = await open({ '/oauth/token': () => json(tokens) })
    await expectSilent(reach.read(customer, query), 'invalid-reply')
    const garbled = await open({ [asked]: () => new Response('secret value, cut o') })
    await expectSilent(garbled.read(customer, query), 'invalid-reply')
    const line = '{"subject":"alma","data":{"profile.name":"secret value\n'
    const rows = (await open({ '/v1/query': () => new Response(line) })).query(query, ['alma'])
    await expectSilent(rows.next(), 'invalid-reply')
  })

  test('say that a registration is none, or that nobody is there', async () => {
    const admission = {
      registrationEndpoint: `${issuer}/reg`,
      admissionCode: 'secret',
      softwareStatement: 'secret',
    }
    const assertionKey = await generateKey('shop-1')
    const registering = (fetching: typeof fetch) =>
      register(admission, { redirectUris: [], assertionKey, fetch: fetching })
    const nothing = served({ '/oauth/reg': () => json({ client_id: 'shop' }) })
    await expectSilent(registering(nothing), 'invalid-reply')
    const down = () => Promise.reject(new TypeError('fetch failed'))
    await expectSilent(registering(down), 'no-reply')
  })

  test('come before anything is sent in the clear', async () => {
    await expect(open({}, { gateway: 'http://gateway.example' })).rejects.toThrow(/the gateway must be https/)
    const admission = {
      registrationEndpoint: 'http://vault.example/reg',
      admissionCode: '',
      softwareStatement: '',
    }
    const assertionKey = await generateKey('shop-1')
    await expect(register(admission, { redirectUris: [], assertionKey })).rejects.toThrow(/must be https/)
  })
})

test('nobody waits for a busy vault any more who has said so', async () => {
  let polls = 0
  const busy = () => {
    polls++
    return json({ error: 'temporarily_unavailable' }, { status: 429, headers: { 'retry-after': '1' } })
  }
  const reach = await open({ '/oauth/token': busy })
  const { signal, abort } = caller()
  const asked = [reach.query(query, ['alma'], { signal }).next(), reach.answer(waiting(), { signal })]
  const ended = Promise.allSettled(asked)
  await expect.poll(() => polls).toBe(2)
  const enough = new Error('enough')
  abort(enough)
  expect(await ended).toEqual(Array(2).fill({ status: 'rejected', reason: enough }))
})

test('nor for a vault that never answers, its log or its customer', async () => {
  const hung: string[] = []
  const never = ({ url }: { readonly url: string }) => {
    hung.push(new URL(url).pathname)
    return new Promise<Response>(() => undefined)
  }
  const { signal, abort } = caller()
  const reach = await open({ [asked]: () => json(replyOf('alma', {})), '/log/vkey': never })
  const polling = await open({ '/oauth/token': never })
  const answered = await open({
    '/oauth/token': () => json({ error: 'pickup_code_required' }, { status: 400 }),
  })
  const pickupCode = () => never({ url: 'http://counter/digits' }).then(String)
  const waits = [
    reach.read(customer, query, { signal }),
    polling.answer(waiting(), { signal }),
    answered.answer({ ...waiting(), kind: 'link' }, { signal, pickupCode }),
  ]
  const ended = Promise.allSettled(waits)
  await expect.poll(() => hung.toSorted()).toEqual(['/digits', '/log/vkey', '/oauth/token'])
  const enough = new Error('enough')
  abort(enough)
  expect(await ended).toEqual(Array(3).fill({ status: 'rejected', reason: enough }))
})

test('a time to come again may be a date, as proxies write it', async () => {
  const at = (ms: number) => json({}, { status: 503, headers: { 'retry-after': new Date(ms).toUTCString() } })
  let times = 0
  const soon = await open({
    '/v1/grants/one': () => (++times === 1 ? at(Date.now() - 5_000) : json({ grant_id: 'one' })),
  })
  expect(await soon.grant('one')).toEqual({ grant_id: 'one' })
  const late = await open({ '/v1/grants/one': () => at(Date.now() + 3_600_000) })
  const { retryAfter } = (await late.grant('one').catch((error: unknown) => error)) as ReachError
  expect(retryAfter).toBeGreaterThan(3_500)
  expect(retryAfter).toBeLessThanOrEqual(3_600)
})

test('a message is read as text or bytes, and never as what a parser made of it', async () => {
  const key = randomBytes(24)
  const body = JSON.stringify({ type: 'webhook.test', timestamp: '', data: {} })
  const at = String(Math.floor(Date.now() / 1000))
  const signature = createHmac('sha256', key).update(`id.${at}.${body}`).digest('base64')
  const headers = { 'webhook-id': 'id', 'webhook-timestamp': at, 'webhook-signature': `v1,${signature}` }
  const secret = `whsec_${key.toString('base64')}`
  for (const raw of [body, Buffer.from(body), new TextEncoder().encode(body)])
    expect((await readMessage({ headers, body: raw }, secret)).message.type).toBe('webhook.test')
  const parsed = JSON.parse(body) as string
  await expect(readMessage({ headers, body: parsed }, secret)).rejects.toThrow(/before any parser/)
})

test('what is handed over by mistake is said before anything is sent', async () => {
  const sent: string[] = []
  const note = ({ url }: Request) => Promise.reject(new Error(`sent to ${sent[sent.push(url) - 1]}`))
  const reach = await open({ '/oauth/token': note, '/v1/query': note })
  await expect(reach.query(query, 'alma').next()).rejects.toThrow('subjects must be a list')
  const callback = new URL(`https://shop.example/callback?code=a&state=b&iss=${issuer}`)
  const lost = undefined as unknown as PendingRequest
  await expect(reach.redeem(callback, lost)).rejects.toThrow('from the session of the browser')
  const dpopKey = (await exportKey(await generateKey())) as unknown as KeyPair
  await expect(open({}, { dpopKey })).rejects.toThrow('dpopKey must be a key pair')
  const elsewhere = { '/oauth/.well-known/openid-configuration': () => new Response(null, { status: 404 }) }
  await expect(open(elsewhere)).rejects.toThrow(/address of the vault is that of another server/)
  expect(sent).toEqual([])
})

test('many who find one token refused fetch one new one', async () => {
  let fetched = 0
  const reach = await open({
    '/oauth/token': () => json({ access_token: `token-${++fetched}`, token_type: 'DPoP', expires_in: 300 }),
    '/v1/grants/one': ({ headers }) =>
      headers.get('authorization') === 'DPoP token-1'
        ? json({ code: 'invalid-token' }, { status: 401 })
        : json({ grant_id: 'one' }),
  })
  const grants = await Promise.all(Array.from({ length: 20 }, () => reach.grant('one')))
  expect(grants).toHaveLength(20)
  expect(fetched).toBe(2)
})

function caller() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: (reason: Error) => controller.abort(reason) }
}

const waiting = () =>
  ({
    kind: 'known',
    id: 'question',
    requestId: 'request',
    expiresAt: Date.now() + 60_000,
    interval: 5,
  }) as const

function verifier(fetching: typeof fetch): LogVerifier {
  return new LogVerifier({ url: `${vault}/log`, store: memoryLogStore(), fetch: fetching })
}

async function expectSilent(act: Promise<unknown>, code: string): Promise<void> {
  const error: unknown = await act.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toMatchObject({ name: 'ReachError', code })
  expect(inspect(error, { depth: 20 })).not.toContain('secret')
}

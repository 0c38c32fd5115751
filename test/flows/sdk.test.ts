/** The SDK as a business has it: packed, installed in an empty folder, and used on the whole of Reach. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import type { DecisionResult, OpenRequests, RequestView } from '../../schemas/types.gen.ts'
import { packSdk } from '../../scripts/pack-sdk.ts'
import type { Customer as KnownCustomer } from '../../vendor-gateway/sdk/authorization.ts'
import type * as Sdk from '../../vendor-gateway/sdk/client.ts'
import type * as Errors from '../../vendor-gateway/sdk/errors.ts'
import type * as Keys from '../../vendor-gateway/sdk/keys.ts'
import type * as Log from '../../vendor-gateway/sdk/log.ts'
import type * as Registration from '../../vendor-gateway/sdk/registration.ts'
import type * as Webhooks from '../../vendor-gateway/sdk/webhooks.ts'
import type { PendingRequest } from '../business.ts'
import { operations } from '../../vendor-gateway/operations.ts'
import { decide, openPage } from '../consent.ts'
import { freePorts } from '../free-ports.ts'
import { Story, expectOk } from '../story.ts'
import type { Customer } from '../story.ts'

const root = join(import.meta.dirname, '../..')
const run = promisify(execFile)
const purpose = 'dpv:CustomerOrderManagement'
const query = { purpose, fields: ['profile.name'] }
const request: Parameters<Sdk.Reach['ask']>[0] = {
  items: [
    { purpose, fields: ['profile.name'], why: 'To put your name on the order.', required: true },
    {
      purpose: 'dpv:ServicePersonalisation',
      fields: ['diet.allergies'],
      why: 'To leave out what you cannot eat.',
      required: false,
    },
  ],
  retention: 'P90D',
  recipients: [],
  until: new Date(Date.now() + 30 * 86_400_000).toISOString(),
}

let folder: string
let story: Story
let sdk: typeof Sdk & typeof Errors & typeof Keys & typeof Log & typeof Registration & typeof Webhooks
let hookPort: number
let registration: Registration.Registration
let keys: { assertionKey: Keys.KeyPair; dpopKey: Keys.KeyPair }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reach-sdk-'))
  await install()
  const from = async (name: string) =>
    (await import(join(folder, 'node_modules/reach-sdk/dist/vendor-gateway/sdk', `${name}.js`))) as object
  const parts = await Promise.all(
    ['client', 'errors', 'keys', 'log', 'registration', 'webhooks'].map((name) => from(name)),
  )
  sdk = Object.assign({}, ...parts) as typeof sdk
  ;[hookPort = 0] = await freePorts(1)
  story = await Story.open({ outboundAllow: [`http://127.0.0.1:${hookPort}`] })
  const admission = await story.world.operator.add({ name: 'Corner Shop', contact: 'privacy@shop.example' })
  keys = { assertionKey: await sdk.generateKey('shop-1'), dpopKey: await sdk.generateKey() }
  registration = await sdk.register(
    { ...admission, registrationEndpoint: `${story.world.config.vaultUrl}/oauth/reg` },
    {
      redirectUris: ['https://shop.example/callback'],
      assertionKey: keys.assertionKey,
      asksKnownCustomers: true,
      asksByLink: true,
    },
  )
})

afterAll(async () => {
  await story?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** Built and packed, then unpacked as npm would, with the two packages it depends on. */
async function install(): Promise<void> {
  const archive = await packSdk(folder)
  const place = join(folder, 'node_modules/reach-sdk')
  await mkdir(place, { recursive: true })
  await run('tar', ['-xzf', archive, '-C', place, '--strip-components=1'])
  for (const name of ['jose', 'oauth4webapi'])
    await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name))
}

function open(more: Partial<Sdk.ReachOptions> = {}): Promise<Sdk.Reach> {
  const { vaultUrl: vault, gatewayUrl: gateway } = story.world.config
  const { clientId } = registration
  return sdk.Reach.open({
    vault,
    gateway,
    clientId,
    redirectUri: 'https://shop.example/callback',
    ...keys,
    ...more,
  })
}

/** She decides on what the business asked, and her browser comes back to it. */
async function allowed(reach: Sdk.Reach, customer: Customer): Promise<KnownCustomer> {
  const { url, pending } = await reach.ask(request)
  const page = await openPage({ url: story.world.config.vaultUrl }, customer.browser, {
    ...pending,
    url,
  } as PendingRequest)
  const { body } = expectOk(await decide(customer.browser, page, {}))
  const { origin } = new URL(story.world.config.vaultUrl)
  const way = await customer.browser.jar.follow(
    String((body as DecisionResult).returnTo),
    (next) => next.origin !== origin,
  )
  return reach.redeem(way.url, pending)
}

describe('the SDK', () => {
  test('asks, redeems, reads, and proves what it read', async () => {
    const reach = await open({ logKey: story.world.reach.ledger.log.vkey })
    const customer = await story.customer()
    const known = await allowed(reach, customer)
    const reply = await reach.read(known, query)
    expect(Object.keys(reply.data)).toEqual(['profile.name'])
    expect(reply.subject).toBe(known.subject)
    const { 'profile.name': name } = reply.data
    const forged = { ...reply, data: { 'profile.name': `${String(name)}!` } }
    await expect(reach.verify(forged)).rejects.toThrow(/commits to another data/)
    await expect(reach.verify({ ...reply, subject: 'somebody' })).rejects.toThrow(/another subject/)

    const refused = (code: string) => expect.objectContaining({ name: 'ReachError', code })
    const stranger = await open({ assertionKey: await sdk.generateKey('shop-1') })
    await expect(stranger.read(known, query)).rejects.toEqual(refused('invalid_client'))
    await expect(reach.read(known, { purpose, fields: ['shoe'] })).rejects.toMatchObject({
      message: expect.stringMatching(/^unknown-field: .*fields is not a field of the catalogue/),
      instance: expect.stringMatching(/^urn:uuid:/),
    })
    const stopped = { signal: AbortSignal.abort(new Error('stopped')) }
    await expect(reach.read(known, query, stopped)).rejects.toThrow('stopped')

    await customer.browser.post(`/api/grants/${known.grantId}/withdraw`)
    await expect(reach.read(known, query)).rejects.toMatchObject({ code: 'subject-unavailable', status: 404 })
    // Nobody gets a new token for it either, and that is no other answer.
    await expect((await open()).read(known, query)).rejects.toEqual(refused('subject-unavailable'))
  })

  test('reads many customers, with proofs, and says why there are none', async () => {
    const reach = await open()
    const people = [
      await allowed(reach, await story.customer()),
      await allowed(reach, await story.customer()),
    ]
    const subjects = [
      ...people.map(({ subject }) => subject),
      ...Array.from({ length: 1_100 }, (_, n) => `s-${n}`),
    ]
    const rows: string[] = []
    const progress: number[] = []
    const onProgress = ({ done }: { readonly done: number }) => progress.push(done)
    for await (const row of reach.query(query, subjects, { onProgress }))
      rows.push('error' in row ? row.error : row.subject)
    expect(rows.filter((row) => row === 'subject-unavailable')).toHaveLength(1_100)
    expect(new Set(rows)).toEqual(new Set(['subject-unavailable', ...people.map(({ subject }) => subject)]))
    expect(progress).toEqual([1_000, 1_102])
  })

  test('keeps a copy in step and ends what it does not need', async () => {
    const reach = await open()
    const known = await allowed(reach, await story.customer())
    const all = reach.grants()
    const copy = new Map<string, string>()
    for await (const grant of all) copy.set(grant.grant_id, grant.state)
    expect(copy.get(known.grantId)).toBe('active')
    await reach.giveBack(known.grantId)
    const since = all.asOf ?? ''
    for await (const grant of reach.grants({ changedSince: since })) copy.set(grant.grant_id, grant.state)
    expect(copy.get(known.grantId)).toBe('withdrawn')
    expect((await reach.grant(known.grantId)).state).toBe('withdrawn')
    const states: string[] = []
    for await (const { status } of reach.requests({ grant_id: known.grantId })) states.push(status)
    expect(states).toEqual(['allowed'])
  })

  test('tries a request out, and knows the catalogue', async () => {
    const reach = await open()
    expect((await reach.check(request)).acceptable).toBe(true)
    expect((await reach.check({ ...request, items: [] })).acceptable).toBe(false)
    expect(JSON.stringify(await reach.catalogue('de'))).toContain('profile.birthDate')
  })

  test('asks a customer it knows, who is elsewhere', async () => {
    const reach = await open()
    const customer = await story.customer()
    const known = await allowed(reach, customer)
    const waiting = await reach.askKnown(known.subject, request, { bindingMessage: 'TABLE-7' })
    const { body } = expectOk(await customer.browser.get('/api/requests'))
    const path = String((body as OpenRequests).requests[0]?.page)
    const view = expectOk(await customer.browser.post(`${path}/open`)).body as RequestView
    expectOk(await decide(customer.browser, { path, view }))
    const again = await reach.answer({ ...waiting, interval: 0 })
    expect(again.subject).toBe(known.subject)
    expect((await reach.read(again, query)).subject).toBe(known.subject)
    await expect(reach.askKnown('nobody', request)).rejects.toMatchObject({ code: 'unknown_user_id' })
  })

  test('rotates its keys without a gap', async () => {
    const old = await open()
    const known = await allowed(old, await story.customer())
    const newKey = await sdk.generateKey('shop-2')
    await sdk.registerKeys(registration, [keys.assertionKey, newKey])
    const next = await open({ assertionKey: newKey })
    expect((await next.read(known, query)).subject).toBe(known.subject)
    expect((await old.read(known, query)).subject).toBe(known.subject)
    await sdk.registerKeys(registration, [newKey])
    const gone = await open()
    await expect(gone.read(known, query)).rejects.toMatchObject({ code: 'invalid_client' })
    keys = { ...keys, assertionKey: newKey }
  })

  test('is told by webhooks, and verifies them', async () => {
    await using hooks = await listening()
    const reach = await open()
    const endpoint = await reach.webhooks.put('main', { url: `${hooks.url}/hook` })
    hooks.secrets.push(endpoint.secret ?? '')
    expect((await reach.webhooks.prove('main')).state).toBe('proven')
    const customer = await story.customer()
    const known = await allowed(reach, customer)
    await customer.browser.post(`/api/grants/${known.grantId}/withdraw`, { askDeletion: true })
    await expect.poll(() => hooks.types).toContain('deletion.requested')
    await reach.acknowledge(known.grantId, 'deletion')
    expect((await reach.grant(known.grantId)).acknowledgement?.acknowledged_at).toBeDefined()
    const message = { headers: hooks.last.headers, body: hooks.last.body }
    await expect(sdk.readMessage(message, 'whsec_c2VjcmV0')).rejects.toMatchObject({
      code: 'webhook-invalid',
    })
    await expect(
      sdk.readMessage({ ...message, body: `${message.body} ` }, hooks.secrets),
    ).rejects.toMatchObject({ code: 'webhook-invalid' })
    await expect(
      sdk.readMessage(message, hooks.secrets, { now: Date.now() + 600_000 }),
    ).rejects.toMatchObject({ code: 'webhook-invalid' })
    await reach.webhooks.delete('main')
  })

  test('notices that the log has changed its past', async () => {
    const { keys: vaultKeys, ledger } = story.world.reach
    const signer = createLogSigner(ledger.log.origin, vaultKeys.logKey)
    const file = join(folder, 'log.json')
    const first = await open({ logStore: sdk.fileLogStore(file) })
    const known = await allowed(first, await story.customer())
    await first.read(known, query)
    const again = await open({ logStore: sdk.fileLogStore(file) })
    await again.read(known, query)
    const note = signer.sign({ size: 2, root: Buffer.alloc(32, 7) })
    await writeFile(file, JSON.stringify({ vkey: ledger.log.vkey, note }))
    const fooled = await open({ logStore: sdk.fileLogStore(file) })
    await expect(fooled.read(known, query)).rejects.toMatchObject({ name: 'NotProven' })
    await writeFile(file, JSON.stringify({ vkey: `${signer.vkey.slice(0, -4)}AAA=`, note }))
    const keyed = await open({ logStore: sdk.fileLogStore(file), logKey: ledger.log.vkey })
    await expect(keyed.read(known, query)).rejects.toMatchObject({ name: 'NotProven' })
  })

  test('waits as it is told, renews a token, and gives up in one kind of error', async () => {
    const seen: number[] = []
    const asked: string[] = []
    let limited = '1'
    const slow: typeof fetch = async (input, init) => {
      const { pathname } = new URL(input instanceof Request ? input.url : input)
      if (pathname.startsWith('/v1/subjects') && seen.push(1) === 1)
        return new Response('{}', { status: 503, headers: { 'retry-after': '1' } })
      if (/^\/oauth\/(token|request)$/.test(pathname) && (!asked.includes(pathname) || limited !== '1')) {
        asked.push(pathname)
        const headers = { 'retry-after': limited, 'content-type': 'application/json' }
        return new Response('{"error":"temporarily_unavailable"}', { status: 429, headers })
      }
      return fetch(input, init)
    }
    const reach = await open({ fetch: slow })
    const known = await allowed(reach, await story.customer())
    expect((await reach.read(known, query)).subject).toBe(known.subject)
    expect(seen.length).toBeGreaterThan(1)
    expect(asked).toEqual(['/oauth/request', '/oauth/token'])
    limited = '3600'
    const refused = { code: 'temporarily_unavailable', retryAfter: 3600 }
    await expect(reach.ask(request)).rejects.toMatchObject(refused)
    const nowhere = (await open({ gateway: 'http://localhost:9' })).read(known, query)
    await expect(nowhere).rejects.toMatchObject({ name: 'ReachError', code: 'no-reply' })
    await expect(open({ vault: 'http://shop.example' })).rejects.toThrow(/must be https/)
    await expect(open({ vault: 'shop.example:443' })).rejects.toThrow(/address such as https:/)
  })

  test('takes keys as PEM, JWK and CryptoKey, and no others', async () => {
    const pair = await sdk.generateKey('k')
    const pem = Buffer.from(await crypto.subtle.exportKey('pkcs8', pair.privateKey)).toString('base64')
    const text = `-----BEGIN PRIVATE KEY-----\n${pem.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n`
    const jwk = await sdk.exportKey(pair)
    for (const given of [text, jwk, pair as CryptoKeyPair]) {
      const key = await sdk.importKey(given, 'k')
      expect(await sdk.publicJwk(key)).toEqual(await sdk.publicJwk(pair))
    }
    const kept = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
    expect((await sdk.importKey(kept, 'k')).privateKey.extractable).toBe(false)
    const wide = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign'])
    const edwards = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])
    const asPem = async ({ privateKey }: CryptoKeyPair, kind = 'PRIVATE KEY') =>
      `-----BEGIN ${kind}-----\n${Buffer.from(await crypto.subtle.exportKey('pkcs8', privateKey)).toString('base64')}\n-----END ${kind}-----`
    for (const [given, said] of [
      [{ kty: 'OKP', crv: 'Ed25519', x: 'a', d: 'b' }, /P-256/],
      [wide, /P-256/],
      [edwards as CryptoKeyPair, /P-256/],
      [await asPem(edwards as CryptoKeyPair), /P-256/],
      [await asPem(wide, 'EC PRIVATE KEY'), /openssl pkcs8/],
      ['not a key', /no PEM/],
      [undefined as unknown as string, /P-256/],
    ] as const) {
      const refused = await sdk.importKey(given).catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(TypeError)
      expect((refused as TypeError).message).toMatch(said)
    }
  })

  test('is typed: a program of a business compiles, and one that misuses it does not', async () => {
    const program = (line: string) => `import { Reach, type ReachOptions } from 'reach-sdk'
import type { AccessRequest, Customer, PendingRequest, WaitingRequest } from 'reach-sdk/authorization'
import { ReachError } from 'reach-sdk/errors'
import type { Disclosure } from 'reach-sdk/types'
export async function ask(reach: Reach, request: AccessRequest): Promise<PendingRequest> {
  return (await reach.ask(request)).pending
}
// What may be left out may be there and undefined: settings that are not set, and what this library itself gives.
export async function step(reach: Reach, signal: AbortSignal | undefined, waiting: WaitingRequest): Promise<Customer> {
  for await (const { grant_id } of reach.grants({ changedSince: reach.requests({ state: undefined }).asOf })) void grant_id
  return reach.answer(waiting, { signal })
}
export async function name(options: ReachOptions, customer: Customer): Promise<string> {
  const reach = await Reach.open({ ...options, logKey: undefined })
  try {
    const reply: Disclosure = await reach.read(customer, { purpose: 'dpv:DeliveryOfGoods', fields: ['profile.name'] })
    ${line}
    return String(reply.data['profile.name'])
  } catch (error) {
    if (error instanceof ReachError && error.code === 'subject-unavailable') return ''
    throw error
  }
}
`
    const strict = '--strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --noEmit --target es2024'
    const options = [...strict.split(' '), '--lib', 'es2024,dom,dom.iterable', '--types', '', '--module']
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    await writeFile(join(folder, 'good.ts'), program(''))
    for (const module of [['nodenext'], ['esnext', '--moduleResolution', 'bundler']])
      await run('tsc', [...options, ...module, 'good.ts'], { cwd: folder })
    const bad = program('const nobody: string = reply.who').replace("=== 'subject-un", "=== 'subject-in")
    await writeFile(join(folder, 'bad.ts'), bad)
    const { stdout } = await run('tsc', [...options, 'nodenext', 'bad.ts'], { cwd: folder }).catch(
      (failure: unknown) => failure as { stdout: string },
    )
    expect(stdout).toContain("Property 'who' does not exist")
    expect(stdout).toContain('have no overlap')
    for (const { refusals } of Object.values<{ readonly refusals: readonly string[] }>(operations))
      for (const code of refusals) expect(sdk.reachErrorCodes).toContain(code)
  })
})

/** The endpoint of a business: answers challenges, verifies with the SDK, and remembers. */
async function listening() {
  const secrets: string[] = []
  const types: string[] = []
  const last = { headers: {} as Record<string, string>, body: '' }
  const server = createServer((incoming, response) => {
    let body = ''
    incoming.setEncoding('utf8').on('data', (part: string) => (body += part))
    incoming.on('end', () => {
      const headers = incoming.headers as Record<string, string>
      Object.assign(last, { headers, body })
      sdk.readMessage({ headers, body }, secrets).then(
        ({ message }) => {
          types.push(message.type)
          response.end(JSON.stringify(sdk.challengeAnswer(message) ?? {}))
        },
        () => response.writeHead(400).end(),
      )
    })
  }).listen(hookPort, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    secrets,
    types,
    last,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

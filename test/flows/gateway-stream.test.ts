import { connect } from 'node:net'
import { decodeJwt } from 'jose'
import { afterEach, describe, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { replay } from '#core/domain/replay.ts'
import { LedgerStopped } from '#core/ledger/ledger.ts'
import type { Commit, Ledger } from '#core/ledger/ledger.ts'
import { matches } from '#core/http/validate.ts'
import { grantHistory } from '#core/records/histories.ts'
import { revokeToken } from '#core/records/token-marks.ts'
import { readVendor, readVendorStanding, registerVendor, revokeVendorKeys } from '#core/records/vendors.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { proofFor } from '../../bench/business.ts'
import { addGrants } from '../../bench/population.ts'
import { delivery, samples, TestGateway } from '../gateway.ts'
import type { TestGatewayOptions, TestVendor } from '../gateway.ts'
import { Gate, linesOf, openReply, readLines } from '../gateway-socket.ts'
import { loggedFacts } from '../logged-facts.ts'

const fields = ['profile.name']
let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
})

async function open(options?: TestGatewayOptions): Promise<{ gateway: TestGateway; shop: TestVendor }> {
  const gateway = stack.use(await TestGateway.open(options))
  return { gateway, shop: await gateway.vendor('shop') }
}

/** Grants of as many customers, each at its place among strangers who fill the pieces. */
async function people(gateway: TestGateway, shop: TestVendor, places: readonly number[], of: number) {
  const customers = await Promise.all(places.map(() => gateway.customer()))
  const items = [{ id: 'item-1', purpose: delivery, fields }]
  const to = { vendorId: shop.vendorId, clientId: shop.clientId, items }
  const grants = await addGrants(gateway.house, customers, to)
  const subjects = Array.from({ length: of }, (_, n) => `stranger-${n}`)
  for (const [n, place] of places.entries()) subjects[place] = grants[n]?.subject ?? ''
  return { customers, grants, subjects }
}

const accept = { accept: 'application/x-ndjson' }
const stream = (gateway: TestGateway, as: TestVendor, subjects: readonly string[], asked = fields) =>
  openReply(gateway, {
    path: '/v1/query',
    as,
    headers: accept,
    body: { purpose: delivery, fields: asked, subjects },
  })

async function typesOf(gateway: TestGateway, { grantId }: Grant): Promise<string[]> {
  return (await grantHistory(gateway.ledger, grantId)).map(({ ops }) => readFact(ops).type)
}

/** Holds the disclosures of the nth piece that has any, before they are committed or when they are. */
function holding(gate: Gate, n: number, when: 'before' | 'after') {
  let pieces = 0
  return (ledger: Ledger) =>
    around(ledger, async (commits) => {
      const isHeld = ++pieces === n
      if (isHeld && when === 'before') await gate.pass()
      const outcomes = await ledger.commitEach(commits)
      if (isHeld && when === 'after') await gate.pass()
      return outcomes
    })
}

function around(ledger: Ledger, commitEach: Ledger['commitEach']): Ledger {
  return new Proxy(ledger, {
    get(target, name) {
      if (name === 'commitEach') return commitEach
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

test('a stream has every row in order, says how far it is, and ends with what it came to', async () => {
  const { gateway, shop } = await open()
  const { customers, subjects } = await people(gateway, shop, [0, 120, 150, 249], 250)
  const [, broken] = customers
  if (broken === undefined) throw new Error('there are four')
  gateway.pods.behave(broken.person, 'broken')
  const { reply } = await stream(gateway, shop, subjects)
  expect([reply.statusCode, reply.headers['content-type']]).toEqual([200, 'application/x-ndjson'])
  expect(reply.headers['ratelimit']).toMatch(/^"subjects";r=29750;t=\d+$/)
  const lines = await readLines(reply)
  for (const line of lines) expect(matches('api/query-line.json', line)).toBe(true)
  expect(lines.flatMap(({ subject }) => subject ?? [])).toEqual(subjects)
  expect(lines.flatMap(({ data }) => data ?? [])).toEqual(Array(3).fill({ 'profile.name': 'Ada Lovelace' }))
  expect(lines.flatMap(({ progress }) => progress ?? [])).toEqual([
    { done: 100, of: 250 },
    { done: 200, of: 250 },
  ])
  expect(lines).toContainEqual({ subject: subjects[120], error: 'later' })
  expect(lines.at(-1)).toEqual({ summary: { subjects: 250, released: 3, unavailable: 246, later: 1 } })
  expect(reply.trailers['content-digest']).toMatch(/^sha-256=:.{44}:$/)
})

test('whoever prefers JSON gets JSON, and what is refused before the first row is a plain refusal', async () => {
  const { gateway, shop } = await open()
  const body = { purpose: delivery, fields, subjects: ['a'] }
  const both = { accept: 'application/json, application/x-ndjson;q=0.5' }
  const plain = await gateway.call({ as: shop, method: 'POST', path: '/v1/query', body, headers: both })
  expect(plain.json).toEqual({ rows: [{ subject: 'a', error: 'subject-unavailable' }] })
  await gateway.suspend(shop.vendorId)
  const refused = await gateway.call({ as: shop, method: 'POST', path: '/v1/query', body, headers: accept })
  expect([refused.status, refused.json.code]).toEqual([403, 'vendor-suspended'])
})

test('a proxy that speaks HTTP/1.0 gets all lines', async () => {
  const { gateway, shop } = await open()
  const { subjects } = await people(gateway, shop, [0, 100], 110)
  const nonce = (await gateway.call({ path: '/v1/grants' })).headers.get('dpop-nonce') ?? ''
  const body = JSON.stringify({ purpose: delivery, fields, subjects })
  const head = [
    'POST /v1/query HTTP/1.0',
    `Host: 127.0.0.1:${gateway.port}`,
    `Authorization: DPoP ${shop.token}`,
    `DPoP: ${proofFor(shop, { method: 'POST', url: `${gateway.url}/v1/query`, nonce })}`,
    'Accept: application/x-ndjson',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ]
  const socket = connect(gateway.port, '127.0.0.1')
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  const text = Buffer.concat(await socket.toArray()).toString()
  expect(text).toMatch(/^HTTP\/1\.1 200 /)
  expect(text.trimEnd().split('\n').at(-1)).toBe(
    '{"summary":{"subjects":110,"released":2,"unavailable":108,"later":0}}',
  )
})

describe('while a stream is under way', () => {
  test.each(['before', 'after'] as const)(
    'what a customer withdraws %s its commit does not leave in this piece or a later one',
    async (when) => {
      const gate = new Gate()
      const { gateway, shop } = await open({ wrapLedger: holding(gate, 2, when) })
      const { grants, subjects } = await people(gateway, shop, [0, 100, 101, 200], 210)
      const [, second, kept, last] = grants
      if (!second || !kept || !last) throw new Error('there are four')
      const { reply } = await stream(gateway, shop, subjects)
      const lines = linesOf(reply)
      const seen: ReturnType<JSON['parse']>[] = []
      while (seen.at(-1)?.progress === undefined) seen.push((await lines.next()).value)
      await expect.poll(() => gate.came).toBe(1)
      await gateway.change(second, 'withdrawn')
      await gateway.change(last, 'paused')
      gate.open()
      for await (const line of lines) seen.push(line)
      const rows = new Map(seen.filter(({ subject }) => subject).map((row) => [row.subject, row]))
      expect(seen[0].data).toEqual({ 'profile.name': 'Ada Lovelace' })
      expect(rows.get(kept.subject).data).toEqual({ 'profile.name': 'Ada Lovelace' })
      for (const { subject } of [second, last])
        expect(rows.get(subject)).toEqual({ subject, error: 'subject-unavailable' })
      expect(seen.at(-1).summary).toEqual({ subjects: 210, released: 2, unavailable: 208, later: 0 })
      // On record before the withdrawal, where the commit came first: the log says too much, never too little.
      const types = await typesOf(gateway, second)
      expect(types).toEqual(
        when === 'before'
          ? ['withdrawn', 'redeemed', 'granted']
          : ['withdrawn', 'disclosed', 'redeemed', 'granted'],
      )
      expect(replay(await loggedFacts(gateway.ledger))).toEqual([])
    },
  )

  test('a suspension of the business ends it: the connection breaks, and nothing ends cleanly', async () => {
    const gate = new Gate()
    const { gateway, shop } = await open({ wrapLedger: holding(gate, 2, 'before') })
    const { grants, subjects } = await people(gateway, shop, [0, 100, 200], 210)
    const { reply } = await stream(gateway, shop, subjects)
    const lines = linesOf(reply)
    expect((await lines.next()).value.data).toEqual({ 'profile.name': 'Ada Lovelace' })
    await expect.poll(() => gate.came).toBe(1)
    await gateway.suspend(shop.vendorId)
    gate.open()
    await expect(
      (async () => {
        for await (const line of lines) expect(line).toBeDefined()
      })(),
    ).rejects.toThrow()
    for (const grant of grants.slice(1))
      expect(await typesOf(gateway, grant)).toEqual(['redeemed', 'granted'])
  })

  test('keys that are taken away end it, also when the business has new ones by then', async () => {
    const gate = new Gate()
    const { gateway, shop } = await open({ wrapLedger: holding(gate, 1, 'before') })
    const { subjects } = await people(gateway, shop, [0, 100], 110)
    const asked = stream(gateway, shop, subjects)
    await expect.poll(() => gate.came).toBe(1)
    const rows = async () => {
      const vendor = await readVendor(gateway.ledger, shop.vendorId)
      const standing = await readVendorStanding(gateway.ledger, shop.vendorId)
      if (vendor === undefined || standing === undefined) throw new Error('there is no such business')
      return [vendor, standing] as const
    }
    await gateway.ledger.commit(revokeVendorKeys(...(await rows()), 'a'.repeat(43)))
    await gateway.ledger.commit(registerVendor(...(await rows()), shop.clientId))
    gate.open()
    await expect(asked.then(({ reply }) => readLines(reply))).rejects.toThrow()
  })

  test('a token that is given back ends it with the piece under way', async () => {
    const gate = new Gate()
    const { gateway, shop } = await open({ wrapLedger: holding(gate, 1, 'before') })
    const { grants, subjects } = await people(gateway, shop, [0, 100], 110)
    const asked = stream(gateway, shop, subjects)
    await expect.poll(() => gate.came).toBe(1)
    const { jti, exp } = decodeJwt(shop.token)
    await gateway.ledger.commit(revokeToken(jti ?? '', (exp ?? 0) * 1000))
    gate.open()
    const { reply } = await asked
    await expect(readLines(reply)).rejects.toThrow()
    const [first, second] = grants
    if (!first || !second) throw new Error('there are two')
    expect(await typesOf(gateway, first)).toEqual(['disclosed', 'redeemed', 'granted'])
    expect(await typesOf(gateway, second)).toEqual(['redeemed', 'granted'])
  })

  test('a token that ends by its time leaves the rest for later, and the text is whole', async () => {
    const gate = new Gate()
    const { gateway, shop } = await open({ wrapLedger: holding(gate, 1, 'before') })
    const { grants, subjects } = await people(gateway, shop, [0, 100, 205], 210)
    const asked = stream(gateway, shop, subjects)
    await expect.poll(() => gate.came).toBe(1)
    gateway.advance(301_000)
    gate.open()
    const { reply } = await asked
    const lines = await readLines(reply)
    for (const line of lines) expect(matches('api/query-line.json', line)).toBe(true)
    expect(lines[0].data).toEqual({ 'profile.name': 'Ada Lovelace' })
    expect(lines).toContainEqual({ subject: subjects[100], error: 'later' })
    expect(lines.at(-1)).toEqual({ summary: { subjects: 210, released: 1, unavailable: 99, later: 110 } })
    expect(reply.trailers['content-digest']).toMatch(/^sha-256=:/)
    const [first, ...rest] = grants
    if (first === undefined) throw new Error('there are three')
    expect(await typesOf(gateway, first)).toEqual(['disclosed', 'redeemed', 'granted'])
    for (const grant of rest) expect(await typesOf(gateway, grant)).toEqual(['redeemed', 'granted'])
    expect(replay(await loggedFacts(gateway.ledger))).toEqual([])
    const again = await gateway.call({ as: shop, path: '/v1/grants' })
    expect([again.status, again.json.code]).toEqual([401, 'invalid-token'])
  })

  test('a ledger that stops breaks the connection', async () => {
    let pieces = 0
    const wrapLedger = (ledger: Ledger) =>
      around(ledger, async (commits: readonly Commit[]) => {
        if (++pieces > 1) throw new LedgerStopped('stopped by the test')
        return ledger.commitEach(commits)
      })
    const { gateway, shop } = await open({ wrapLedger })
    const { subjects } = await people(gateway, shop, [0, 100], 110)
    const { reply } = await stream(gateway, shop, subjects)
    await expect(readLines(reply)).rejects.toThrow()
    expect(reply.complete).toBe(false)
    expect(gateway.logLines.join('')).toContain('"event":"stream-cut"')
  })

  test('a reader that leaves gets nothing more, and no more is released for it', async () => {
    const gate = new Gate()
    const { gateway, shop } = await open({ wrapLedger: holding(gate, 2, 'before') })
    const { grants, subjects } = await people(gateway, shop, [0, 100, 900], 910)
    const { sent, reply } = await stream(gateway, shop, subjects)
    reply.on('error', () => undefined)
    await expect.poll(() => gate.came).toBe(1)
    const closed = new Promise((resolve) => sent.once('close', resolve))
    sent.destroy()
    await closed
    // The gateway has heard of it once it answers somebody who came later.
    await gateway.call({ path: '/v1/catalogue' })
    gate.open()
    await expect.poll(() => gateway.logLines.join('')).toContain('"reason":"reader-gone"')
    const third = grants[2]
    if (third === undefined) throw new Error('there are three')
    expect(await typesOf(gateway, third)).toEqual(['redeemed', 'granted'])
  })

  test('a reader that stalls is cut off, holds one piece, and nothing is released behind its back', async () => {
    const { gateway, shop } = await open({ tuning: { streamPatienceMs: 300 } })
    // More than both kernels take for a reader that does not read.
    const picture = `data:image/png;base64,${'A'.repeat(340_000)}`
    const large = { ...samples, profile: { ...samples.profile, picture } }
    const customers = await Promise.all(Array.from({ length: 49 }, () => gateway.customer(large)))
    const items = [{ id: 'item-1', purpose: delivery, fields: ['profile.picture'] }]
    const to = { vendorId: shop.vendorId, clientId: shop.clientId, items }
    const grants = await addGrants(gateway.house, customers, to)
    const subjects = grants.map(({ subject }) => subject)
    const last = subjects.pop() ?? ''
    for (let n = 0; subjects.length < 100; n++) subjects.push(`stranger-${n}`)
    const { reply } = await stream(gateway, shop, [...subjects, last], ['profile.picture'])
    reply.on('error', () => undefined)
    await expect.poll(() => gateway.logLines.join('')).toContain('"reason":"reader-slow"')
    const unread = grants.at(-1)
    if (unread === undefined) throw new Error('there are 49')
    expect(await typesOf(gateway, unread)).toEqual(['redeemed', 'granted'])
    reply.resume()
    await expect(new Promise((_, reject) => reply.once('error', reject))).rejects.toThrow()
    expect(reply.complete).toBe(false)

    // Answered whole, rows are held together: what does not fit is for later, and is not released either.
    const whole = await gateway.query(shop, [...subjects, last], ['profile.picture'])
    const rows: { subject: string; data?: unknown; error?: string }[] = whole.json.rows
    expect(rows.filter(({ data }) => data !== undefined)).toHaveLength(48)
    expect(rows.at(-1)).toEqual({ subject: last, error: 'later' })
    expect(await typesOf(gateway, unread)).toEqual(['redeemed', 'granted'])
  })
})

/** A batch whose reply is more than both kernels take for a reader that does not read. */
async function largeBatch(gateway: TestGateway, shop: TestVendor) {
  const picture = `data:image/png;base64,${'A'.repeat(340_000)}`
  const customers = await Promise.all(
    Array.from({ length: 40 }, () => gateway.customer({ profile: { name: 'Ada Lovelace', picture } })),
  )
  const items = [{ id: 'item-1', purpose: delivery, fields: ['profile.picture'] }]
  const to = { vendorId: shop.vendorId, clientId: shop.clientId, items }
  const subjects = (await addGrants(gateway.house, customers, to)).map(({ subject }) => subject)
  while (subjects.length < 100) subjects.push(`stranger-${subjects.length}`)
  return { purpose: delivery, fields: ['profile.picture'], subjects }
}

test('a reader that never takes a whole reply is cut off, and its business goes on', async () => {
  const { gateway, shop } = await open({ tuning: { streamPatienceMs: 50 } })
  const body = await largeBatch(gateway, shop)
  const whole: boolean[] = []
  const opened = Array.from({ length: 5 }, async () => {
    const { reply } = await openReply(gateway, { path: '/v1/query', as: shop, body })
    reply.once('error', () => undefined).once('close', () => whole.push(reply.complete))
    return reply
  })
  const untaken = await Promise.all(opened)
  expect((await gateway.query(shop, body.subjects, fields)).status).toBe(200)
  for (const reply of untaken) reply.resume()
  await expect.poll(() => whole).toContain(false)
})

test('batches that a business does not take count against its own turns', async () => {
  const { gateway, shop } = await open()
  const body = await largeBatch(gateway, shop)
  const { subjects } = body
  const untaken = []
  for (let n = 0; n < 5; n++) untaken.push(await openReply(gateway, { path: '/v1/query', as: shop, body }))
  let isServed = false
  const sixth = gateway.query(shop, subjects, fields).then((reply) => {
    isServed = true
    return reply
  })
  // One of its single reads and another business's batch do not wait for them.
  const other = await gateway.vendor('other')
  expect((await gateway.query(other, ['nobody'], fields)).status).toBe(200)
  expect((await gateway.read(shop, 'nobody', 'profile.name')).status).toBe(404)
  expect(isServed).toBe(false)
  untaken[0]?.reply.on('error', () => undefined)
  untaken[0]?.sent.destroy()
  expect((await sixth).status).toBe(200)
  for (const { sent, reply } of untaken.slice(1)) {
    reply.on('error', () => undefined)
    sent.destroy()
  }
})

test('a flood of batches waits for itself, not another business; none is for a token taken away by then', async () => {
  const gate = new Gate()
  const wrapLedger = (ledger: Ledger) =>
    around(ledger, async (commits) => {
      if (commits.length > 1) await gate.pass()
      return ledger.commitEach(commits)
    })
  const { gateway, shop } = await open({ wrapLedger })
  const modest = await gateway.vendor('modest')
  const { subjects } = await people(gateway, shop, [0, 1, 2, 3], 100)
  const own = await gateway.grant(await gateway.customer(), modest)
  const flood = Array.from({ length: 12 }, () => gateway.query(shop, subjects, fields))
  await expect.poll(() => gate.came).toBe(5)
  for (let n = 0; n < 3; n++) {
    const { status } = await gateway.read(modest, own.subject, 'profile.name')
    expect(status).toBe(200)
  }
  const as = gateway.withToken(shop)
  const late = ['application/json', accept.accept].map((type) => {
    const body = { purpose: delivery, fields, subjects }
    return gateway.call({ as, method: 'POST', path: '/v1/query', body, headers: { accept: type } })
  })
  const left = async () => (await gateway.call({ as: shop, path: '/v1/grants' })).headers.get('ratelimit')
  await expect.poll(left).toMatch(/r=285/)
  await gateway.ledger.commit(revokeToken(decodeJwt(as.token).jti ?? '', gateway.house.now()))
  // Still as many as may run at once; the others have not begun.
  expect(gate.came).toBe(5)
  gate.open()
  for (const { status, headers } of await Promise.all(late))
    expect([status, headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('invalid_token')])
  for (const { status, json } of await Promise.all(flood))
    expect([status, json.rows.filter(({ data }: { data?: unknown }) => data).length]).toEqual([200, 4])
})

import { RateLimiterMemory } from 'rate-limiter-flexible'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import type { Fact } from '#core/domain/facts.ts'
import { replay } from '#core/domain/replay.ts'
import { openCheckpoint } from '#core/ledger/checkpoint.ts'
import { opens, saltOf } from '#core/ledger/leaf.ts'
import type { LimiterStore } from '#core/http/limiter-store.ts'
import { grantHistory } from '#core/records/histories.ts'
import { provenEntry } from '../check-log.ts'
import { delivery, marketing, samples, TestGateway } from '../gateway.ts'
import type { GatewayReply, TestCustomer, TestVendor } from '../gateway.ts'
import { loggedFacts } from '../logged-facts.ts'

let gateway: TestGateway
let shop: TestVendor
let rival: TestVendor

beforeAll(async () => {
  gateway = await TestGateway.open()
  shop = await gateway.vendor('shop')
  rival = await gateway.vendor('rival')
})
afterAll(() => gateway[Symbol.asyncDispose]())

const both = ['profile.name', 'contact.email']
const read = (subject: string, fields = both.join(), purpose = delivery) =>
  gateway.read(shop, subject, fields, purpose)

async function factsOf(grantId: string): Promise<Fact[]> {
  const items = await grantHistory(gateway.ledger, grantId)
  return items.map(({ ops }) => readFact(ops))
}

/** Everything of a reply but the moment, the connection it came by, and what the business has left to ask. */
function visible({ status, headers, text }: GatewayReply): unknown {
  const ofTheMoment = ['date', 'connection', 'keep-alive', 'ratelimit']
  const kept = [...headers].filter(([name]) => !ofTheMoment.includes(name))
  return { status, headers: kept, text }
}

describe('a single query', () => {
  test('releases exactly what is asked, granted and there, with derived fields and without their sources', async () => {
    const customer = await gateway.customer()
    const fields = ['profile.name', 'profile.ageOver18', 'contact.phone', 'profile.languages']
    const grant = await gateway.grant(customer, shop, { fields })
    const reply = await read(
      grant.subject,
      'contact.email,profile.ageOver18,profile.name,profile.birthDate,profile.languages',
    )
    expect(reply.status).toBe(200)
    expect(reply.json.data).toEqual({ 'profile.ageOver18': true, 'profile.name': 'Ada Lovelace' })
    expect(reply.json.subject).toBe(grant.subject)
    expect(reply.json.grant_id).toBe(grant.grantId)
    expect(reply.headers.get('cache-control')).toBe('no-store')
    expect(reply.text).not.toContain('1990')
  })

  test('is on record before it is answered, and the reply proves it', async () => {
    const customer = await gateway.customer()
    const grant = await gateway.grant(customer, shop)
    const { json, text } = await read(grant.subject)
    const { index, checkpoint, origin, salts } = json.log
    const entry = await provenEntry(gateway.ledger.log, index, checkpoint)
    const data = /"data":(\{.*?\}),"log"/.exec(text)?.[1] ?? ''
    expect(JSON.parse(data)).toEqual({ 'profile.name': 'Ada Lovelace', 'contact.email': 'ada@example.org' })
    expect(opens(entry, 'data', salts.data, data)).toBe(true)
    expect(opens(entry, 'data', salts.data, data.replace('Ada', 'Eve'))).toBe(false)
    expect(opens(entry, 'subject', salts.subject, grant.subject)).toBe(true)
    expect(opens(entry, 'who', saltOf(grant.secret, 'who', index), customer.webId)).toBe(true)
    expect(openCheckpoint(checkpoint, gateway.ledger.log.vkey).size).toBeGreaterThan(index)
    expect(origin).toBe(gateway.ledger.log.origin)
    const [fact] = await factsOf(grant.grantId)
    expect(fact).toMatchObject({
      type: 'disclosed',
      purpose: delivery,
      fields: both,
      seq: 1,
      vendor: shop.vendorId,
    })
  })

  test('sees what the customer has changed in her pod', async () => {
    const customer = await gateway.customer()
    const grant = await gateway.grant(customer, shop)
    expect((await read(grant.subject)).json.data['profile.name']).toBe('Ada Lovelace')
    gateway.pods.fill(customer.person, 'profile', { name: 'Ada King' })
    gateway.advance(11_000)
    expect((await read(grant.subject)).json.data['profile.name']).toBe('Ada King')
  })

  test('numbers the disclosures of a grant without a gap when many come at once', async () => {
    const grant = await gateway.grant(await gateway.customer(), shop)
    const replies = await Promise.all(Array.from({ length: 20 }, () => read(grant.subject)))
    expect(replies.map(({ status }) => status)).toEqual(Array(20).fill(200))
    const facts = await factsOf(grant.grantId)
    const numbers = facts.flatMap((fact) => (fact.type === 'disclosed' ? [fact.seq] : []))
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
  })

  test('is refused for a purpose that was not granted, though the grant is live', async () => {
    const grant = await gateway.grant(await gateway.customer(), shop)
    const reply = await read(grant.subject, 'profile.name', marketing)
    expect([reply.status, reply.json.code]).toEqual([403, 'purpose-not-granted'])
    const nothing = await read(grant.subject, 'profile.birthDate')
    expect([nothing.status, nothing.json.code]).toEqual([403, 'purpose-not-granted'])
    expect((await factsOf(grant.grantId)).map(({ type }) => type)).toEqual(['redeemed', 'granted'])
  })

  test.each([
    ['no fields', '?purpose=dpv:DeliveryOfGoods', 'invalid-input'],
    ['no purpose', '?fields=profile.name', 'invalid-input'],
    ['no query', '', 'invalid-input'],
    ['a purpose of other form', '?fields=profile.name&purpose=delivery', 'invalid-input'],
    ['a field twice', '?fields=profile.name,profile.name&purpose=dpv:DeliveryOfGoods', 'invalid-input'],
    [
      'a parameter twice',
      '?fields=profile.name&fields=contact.email&purpose=dpv:DeliveryOfGoods',
      'invalid-input',
    ],
    [
      'a parameter that is not known',
      '?fields=profile.name&purpose=dpv:DeliveryOfGoods&all=1',
      'invalid-input',
    ],
    ['a field that is not known', '?fields=profile.secret&purpose=dpv:DeliveryOfGoods', 'unknown-field'],
    [
      'a field named like a member of every object',
      '?fields=constructor&purpose=dpv:DeliveryOfGoods',
      'unknown-field',
    ],
    ['an empty field', '?fields=profile.name,&purpose=dpv:DeliveryOfGoods', 'unknown-field'],
  ])('with %s is bad input, whoever the subject is', async (_name, query, code) => {
    const grant = await gateway.grant(await gateway.customer(), shop)
    for (const subject of [grant.subject, 'nobody']) {
      const reply = await gateway.call({ as: shop, path: `/v1/subjects/${subject}${query}` })
      expect([reply.status, reply.json.code]).toEqual([400, code])
    }
  })
})

describe('a subject without a live grant', () => {
  type Closing = (customer: TestCustomer) => Promise<string>
  /** The second time as it was decided the first time. */
  const readTwice = async ({ subject }: { readonly subject: string }) => {
    for (const _ of [1, 2]) expect((await read(subject)).status).toBe(200)
  }
  const granted = async (customer: TestCustomer) => gateway.grant(customer, shop)
  const changed =
    (how: 'paused' | 'withdrawn'): Closing =>
    async (customer) => {
      const grant = await granted(customer)
      await readTwice(grant)
      await gateway.change(grant, how)
      return grant.subject
    }
  const closings: Record<string, Closing> = {
    unknown: async () => 'A'.repeat(43),
    'of odd characters': async () => '../..\u0000?#%2e;é',
    'of another business': async (customer) => (await gateway.grant(customer, rival)).subject,
    'named by its grant': async (customer) => (await granted(customer)).grantId,
    paused: changed('paused'),
    withdrawn: changed('withdrawn'),
    'expired and not yet recorded': async (customer) => {
      const grant = await gateway.grant(customer, shop, { until: gateway.house.now() + 8_000 })
      await readTwice(grant)
      // While what was read of the pod still counts as confirmed.
      gateway.advance(8_500)
      return grant.subject
    },
    'whose pod access was lost': async (customer) => {
      const grant = await granted(customer)
      await readTwice(grant)
      await gateway.loseAccess(customer.accountId)
      return grant.subject
    },
    'whose pod refuses us now': async (customer) => {
      const grant = await granted(customer)
      await readTwice(grant)
      gateway.pods.behave(customer.person, 'forbidden')
      gateway.advance(11_000)
      return grant.subject
    },
  }

  test('gets one answer with the same bytes, whatever the reason', async () => {
    const answers = new Map<string, unknown>()
    for (const [name, close] of Object.entries(closings)) {
      const subject = await close(await gateway.customer())
      const reply = await read(subject)
      expect([name, reply.status, reply.json?.code]).toEqual([name, 404, 'subject-unavailable'])
      answers.set(name, visible(reply))
      const [row] = (await gateway.query(shop, [subject.slice(0, 64)], both)).json.rows
      expect(row).toEqual({ subject: subject.slice(0, 64), error: 'subject-unavailable' })
    }
    const [first, ...others] = [...answers.values()]
    for (const other of others) expect(other).toEqual(first)
  })

  test('gets it also with a token for one customer, for her own subject and for others', async () => {
    const customer = await gateway.customer()
    const grant = await granted(customer)
    const other = await granted(await gateway.customer())
    const own = gateway.withGrantToken(shop, grant)
    expect((await gateway.read(own, grant.subject, both.join())).status).toBe(200)
    const foreign = await gateway.read(own, other.subject, both.join())
    await gateway.change(grant, 'withdrawn')
    const withdrawn = await gateway.read(own, grant.subject, both.join())
    const unknown = await read('nobody')
    expect(visible(foreign)).toEqual(visible(unknown))
    expect(visible(withdrawn)).toEqual(visible(unknown))
  })

  test('that lost its pod is recorded, so nothing leaves when the pod answers again', async () => {
    const customer = await gateway.customer()
    const grant = await granted(customer)
    gateway.pods.behave(customer.person, 'forbidden')
    expect((await read(grant.subject)).status).toBe(404)
    expect((await factsOf(grant.grantId))[0]?.type).toBe('access-lost')
    gateway.pods.behave(customer.person, 'well')
    expect((await read(grant.subject)).status).toBe(404)
    await gateway.gainAccess(customer.accountId)
    expect((await read(grant.subject)).status).toBe(200)
  })
})

describe('a token for one customer', () => {
  test('is a ceiling: it reads no more than it names, though the grant has more', async () => {
    const customer = await gateway.customer()
    const grant = await gateway.grant(customer, shop)
    const narrow = gateway.withGrantToken(shop, grant, [
      { id: 'item-1', purpose: delivery, fields: ['profile.name'] },
    ])
    const reply = await gateway.read(narrow, grant.subject, both.join())
    expect(reply.json.data).toEqual({ 'profile.name': 'Ada Lovelace' })
    expect((await gateway.read(narrow, grant.subject, 'contact.email')).json.code).toBe('purpose-not-granted')
  })

  test('that names more than the grant gets what the grant says', async () => {
    const grant = await gateway.grant(await gateway.customer(), shop, { fields: ['profile.name'] })
    const wide = gateway.withGrantToken(shop, grant, [{ id: 'item-1', purpose: delivery, fields: both }])
    const reply = await gateway.read(wide, grant.subject, both.join())
    expect(reply.json.data).toEqual({ 'profile.name': 'Ada Lovelace' })
  })

  test('ends with its grant, though another grant of the customer lives on', async () => {
    const customer = await gateway.customer()
    const [first, second] = [await gateway.grant(customer, shop), await gateway.grant(customer, shop)]
    const tokens = [first, second].map((grant) => gateway.withGrantToken(shop, grant))
    await gateway.change(first, 'withdrawn')
    const replies = await Promise.all(
      tokens.map((token, i) => gateway.read(token, [first, second][i]?.subject ?? '', both.join())),
    )
    expect(replies.map(({ status }) => status)).toEqual([404, 200])
  })

  test('cannot name the grant of another business', async () => {
    const grant = await gateway.grant(await gateway.customer(), rival)
    const forged = gateway.withGrantToken(shop, grant)
    expect((await gateway.read(forged, grant.subject, both.join())).status).toBe(404)
  })

  test('reads its own subject only, whatever grant it names', async () => {
    const customer = await gateway.customer()
    const [grant, other] = [await gateway.grant(customer, shop), await gateway.grant(customer, shop)]
    const claims = { sub: grant.subject, scope: 'openid' }
    const until = new Date(other.until).toISOString()
    const detail = { type: 'urn:reach:access-request:1', grant_id: other.grantId, items: other.items, until }
    const nameless = gateway.withToken(shop, { ...claims, authorization_details: [detail] })
    expect((await gateway.read(nameless, grant.subject, both.join())).status).toBe(200)
    expect((await gateway.read(nameless, other.subject, both.join())).status).toBe(404)
    const mixed = gateway.withToken(shop, { ...claims, grant_id: other.grantId })
    expect((await gateway.read(mixed, grant.subject, both.join())).status).toBe(404)
    expect((await gateway.read(mixed, other.subject, both.join())).status).toBe(404)
  })

  test('does not open the batch door', async () => {
    const grant = await gateway.grant(await gateway.customer(), shop)
    const own = gateway.withGrantToken(shop, grant)
    const reply = await gateway.query(own, [grant.subject], both)
    expect([reply.status, reply.json.code]).toEqual([403, 'insufficient-scope'])
    expect(reply.headers.get('www-authenticate')).toMatch(/^DPoP error="insufficient_scope", scope="batch"/)
  })
})

test('the log of everything above verifies, and its replay finds nothing', async () => {
  expect(replay(await loggedFacts(gateway.ledger))).toEqual([])
})

test('nothing personal is in the lines of the log', () => {
  const lines = gateway.logLines.join('')
  for (const canary of ['person-', ...Object.values(samples.profile), ...Object.values(samples.contact)])
    expect(lines).not.toContain(canary)
})

test('what is asked costs a business the same, whoever it asks for', async () => {
  const costs: number[] = []
  const limiterStore: LimiterStore = (settings) => {
    const limiter = new RateLimiterMemory(settings)
    const consume = limiter.consume.bind(limiter)
    limiter.consume = (key, points = 1) => {
      costs.push(points)
      return consume(key, points)
    }
    return limiter
  }
  await using counted = await TestGateway.open({ tuning: { limiterStore } })
  const [asking, other] = [await counted.vendor('asking'), await counted.vendor('other')]
  const granted = async (to: TestVendor) => counted.grant(await counted.customer(), to)
  const [live, paused, withdrawn] = [await granted(asking), await granted(asking), await granted(asking)]
  await counted.change(paused, 'paused')
  await counted.change(withdrawn, 'withdrawn')
  const { subject: foreign } = await granted(other)
  const seen: unknown[] = []
  for (const subject of [live.subject, paused.subject, withdrawn.subject, foreign, 'nobody']) {
    costs.length = 0
    const single = await counted.read(asking, subject, 'profile.name')
    const batch = await counted.query(asking, [subject, 'nobody else'], ['profile.name'])
    seen.push([single.headers.has('ratelimit'), batch.headers.has('ratelimit'), ...costs])
  }
  expect(seen).toEqual(Array(5).fill([true, true, 1, 2]))
})

import { connect } from 'node:net'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fields as catalogueFields } from '#core/domain/catalogue.ts'
import { purposes } from '#core/domain/purposes.ts'
import { grantHistory } from '#core/records/histories.ts'
import { claimRequest, decideRequest, readRequest, receiveRequest } from '#core/records/requests.ts'
import type { RequestOutcome } from '#core/records/requests.ts'
import type { AccessRequest } from '#schemas/types.gen.ts'
import { exchange } from '../../bench/load.ts'
import { addGrants, randomId } from '../../bench/population.ts'
import { delivery, TestGateway } from '../gateway.ts'
import type { TestCustomer, TestVendor } from '../gateway.ts'

let gateway: TestGateway
let shop: TestVendor

beforeAll(async () => {
  gateway = await TestGateway.open({ tuning: { subjectsPerMinute: 2_000 } })
  shop = await gateway.vendor('shop')
})
afterAll(() => gateway[Symbol.asyncDispose]())

const get = (path: string, as?: TestVendor) => gateway.call(as === undefined ? { path } : { path, as })

describe('the description of the gateway', () => {
  test('refers to nothing that is not in it, and every schema compiles', async () => {
    const { json, headers } = await get('/openapi.json')
    expect(json.openapi).toBe('3.1.0')
    expect(headers.get('content-type')).toBe('application/json')
    const refs = [...JSON.stringify(json).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref)
    expect(refs.length).toBeGreaterThan(10)
    const there = ['schemas', 'headers', 'responses'].flatMap((kind) =>
      Object.keys(json.components[kind]).map((name) => `#/components/${kind}/${name}`),
    )
    for (const ref of refs) expect(there).toContain(ref)
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    ajv.addSchema({ $id: 'openapi', components: json.components })
    for (const name of Object.keys(json.components.schemas))
      expect(ajv.getSchema(`openapi#/components/schemas/${name}`)).toBeTypeOf('function')
  })

  test('lists every path that is served, with its method, and no other', async () => {
    const { json } = await get('/openapi.json')
    for (const [path, methods] of Object.entries<Record<string, unknown>>(json.paths)) {
      const address = path.replace('{subject}', 'somebody')
      for (const method of ['get', 'post', 'put', 'delete', 'patch']) {
        const reply = await gateway.call({ method: method.toUpperCase(), path: address })
        if (method in methods) expect([address, method, reply.status]).not.toEqual([address, method, 405])
        else {
          expect([address, method, reply.status, reply.json.code]).toEqual([
            address,
            method,
            405,
            'method-not-allowed',
          ])
          expect(reply.headers.get('allow')?.toLowerCase()).toContain(Object.keys(methods)[0])
        }
      }
    }
  })

  test('names the authorization server as RFC 9728 says', async () => {
    const { json } = await get('/.well-known/oauth-protected-resource')
    expect(json).toMatchObject({
      resource: gateway.url,
      authorization_servers: [gateway.issuer.url],
      dpop_bound_access_tokens_required: true,
      authorization_details_types_supported: ['urn:reach:access-request:1'],
    })
  })

  test('has a catalogue of all fields and purposes', async () => {
    const { json } = await get('/v1/catalogue')
    const ids = json.categories.flatMap((category: { fields: { id: string }[] }) =>
      category.fields.map(({ id }) => id),
    )
    expect(ids.toSorted()).toEqual(catalogueFields.map(({ id }) => id).toSorted())
    const german = await gateway.call({
      path: '/v1/catalogue',
      headers: { 'accept-language': 'de-AT, en;q=0.1' },
    })
    expect([german.json.language, german.json.categories[0].title]).toEqual(['de', 'Profil'])
    expect([json.language, json.categories[0].title]).toEqual(['en', 'Profile'])
    expect(json.purposes.map(({ id }: { id: string }) => id)).toEqual(purposes.map(({ id }) => id))
  })
})

describe('an address', () => {
  test.each([
    '/',
    '/v1',
    '/v1/subjects',
    '/v1/subjects/',
    '/V1/grants',
    '/v1/grants/',
    '/v2/grants',
    '/v1/grants/x',
  ])('that is not there is 404: %s', async (path) => {
    const { status, json } = await get(path, shop)
    expect([status, json.code]).toEqual([404, 'not-found'])
    expect(json.instance).toMatch(/^urn:uuid:/)
  })

  test('that cannot be decoded is bad input', async () => {
    const { status, json } = await get('/v1/subjects/%E0%A4%A', shop)
    expect([status, json.code]).toEqual([400, 'invalid-input'])
  })

  test('is not served to HEAD, which would be a disclosure that nobody gets', async () => {
    const grant = await gateway.grant(await gateway.customer(), shop)
    const path = `/v1/subjects/${grant.subject}?fields=profile.name&purpose=${delivery}`
    expect((await gateway.call({ method: 'HEAD', path, as: shop })).status).toBe(405)
    const disclosed = (await grantHistory(gateway.ledger, grant.grantId)).filter(({ ops }) =>
      ops.includes('disclosed'),
    )
    expect(disclosed).toEqual([])
  })
})

describe('a batch body is refused', () => {
  const body = { purpose: delivery, fields: ['profile.name'], subjects: ['a'] }
  const cases: Record<string, [unknown, number, string, string?]> = {
    'that is no JSON': ['{', 400, 'invalid-input'],
    'that is empty': ['', 400, 'invalid-input'],
    'that is a list': [[], 400, 'invalid-input'],
    'with a member twice': ['{"purpose":"dpv:A","purpose":"dpv:B"}', 400, 'invalid-input'],
    'with a member that is not known': [{ ...body, all: true }, 400, 'invalid-input', '/all'],
    'with a forbidden member': ['{"__proto__":{}}', 400, 'invalid-input'],
    'without subjects': [{ ...body, subjects: undefined }, 400, 'invalid-input', '/subjects'],
    'with no subjects': [{ ...body, subjects: [] }, 400, 'invalid-input', '/subjects'],
    'with a subject twice': [{ ...body, subjects: ['a', 'a'] }, 400, 'invalid-input', '/subjects'],
    'with a subject that is no text': [{ ...body, subjects: [7] }, 400, 'invalid-input', '/subjects/0'],
    'with a long subject': [{ ...body, subjects: ['x'.repeat(65)] }, 400, 'invalid-input', '/subjects/0'],
    'with a purpose of other form': [{ ...body, purpose: 'sell' }, 400, 'invalid-input', '/purpose'],
    'with a field that is not known': [
      { ...body, fields: ['profile.secret'] },
      400,
      'unknown-field',
      '/fields/0',
    ],
    'that is too large': [{ ...body, pad: 'x'.repeat(140_000) }, 413, 'too-large'],
  }

  test.each(Object.keys(cases))('%s', async (name) => {
    const [content, status, code, pointer] = cases[name] ?? [{}, 0, '']
    const headers = { 'content-type': 'application/json' }
    const reply = await gateway.call({ as: shop, method: 'POST', path: '/v1/query', body: content, headers })
    expect([reply.status, reply.json.code]).toEqual([status, code])
    if (pointer !== undefined) expect(reply.json.errors).toContainEqual(expect.objectContaining({ pointer }))
    expect(reply.text).not.toContain('xxxx')
  })

  test('of another content type', async () => {
    const headers = { 'content-type': 'text/plain' }
    const reply = await gateway.call({ as: shop, method: 'POST', path: '/v1/query', body: '{}', headers })
    expect([reply.status, reply.json.code]).toEqual([415, 'unsupported-media-type'])
  })
})

describe('a question that is asked all day', () => {
  test.each<[string, (subject: string) => string, Record<string, string>]>([
    ['encoded', (id) => `%${id.charCodeAt(0).toString(16)}${id.slice(1)}`, {}],
    ['with types by their weight', (id) => id, { accept: 'application/json;q=0.9, */*;q=0.1' }],
  ])('gets the same answer in another form: %s', async (_name, write, headers) => {
    const { subject } = await gateway.grant(await gateway.customer(), shop)
    const asked = `?fields=profile.name&purpose=${delivery}`
    const usual = await gateway.call({ as: shop, path: `/v1/subjects/${subject}${asked}` })
    const same = await gateway.call({ as: shop, path: `/v1/subjects/${write(subject)}${asked}`, headers })
    expect([usual.status, same.status]).toEqual([200, 200])
    expect(same.json).toEqual({ ...usual.json, log: same.json.log })
    expect([...same.headers.keys()]).toEqual([...usual.headers.keys()])
  })

  test.each(['application/json', 'application/ld+json'])(
    'is not answered for another host: %s',
    async (accept) => {
      const socket = connect(gateway.port, '127.0.0.1')
      try {
        const head = `GET /v1/subjects/somebody HTTP/1.1\r\nHost: other.example\r\nAccept: ${accept}\r\n\r\n`
        const { status, body } = await exchange(socket, Buffer.from(head))
        expect([status, JSON.parse(body()).code]).toEqual([421, 'misdirected'])
        // What was meant for somebody else is counted under no route of ours.
        const line = () => JSON.parse(gateway.logLines.findLast((one) => one.includes('421')) ?? '{}')
        await expect.poll(line).toMatchObject({ event: 'request', status: 421 })
        expect(line()).not.toHaveProperty('route')
      } finally {
        socket.destroy()
      }
    },
  )
})

/** An access request that came in, was opened and, with an outcome, decided. */
async function newRequest(
  vendor: TestVendor,
  { accountId }: TestCustomer,
  outcome: Pick<RequestOutcome, 'status' | 'grantId'> | undefined,
): Promise<void> {
  const { ledger, now } = gateway.house
  const request: AccessRequest = {
    v: 1,
    requestId: randomId(),
    vendorId: vendor.vendorId,
    clientId: vendor.clientId,
    receivedAt: now(),
    expiresAt: now() + 600_000,
    requestHash: 'h'.repeat(43),
    items: [{ id: 'item-1', purpose: delivery, fields: ['profile.name'], why: 'to deliver', required: true }],
    retention: 'P30D',
    recipients: [],
    until: now() + 86_400_000,
    status: 'open',
  }
  const stored = async () => {
    const found = await readRequest(ledger, request.requestId)
    if (found === undefined) throw new Error('the request is not there')
    return found
  }
  await ledger.commit(receiveRequest(request))
  await ledger.commit(claimRequest(await stored(), { accountId, secret: 's'.repeat(43) }))
  if (outcome !== undefined)
    await ledger.commit(decideRequest(await stored(), { ...outcome, decidedAt: now() }))
}

describe('the lists of a business', () => {
  test('show its own grants page by page, newest first, with what became of them', async () => {
    const vendor = await gateway.vendor('lists')
    const customer = await gateway.customer()
    const grants = []
    for (let n = 0; n < 5; n++) {
      grants.unshift(await gateway.grant(customer, vendor))
      gateway.advance(1000)
    }
    const [newest, second, third] = grants
    if (newest === undefined || second === undefined || third === undefined) throw new Error('there are five')
    await gateway.change(second, 'withdrawn')
    await gateway.change(third, 'paused')
    await gateway.read(vendor, newest.subject, 'profile.name')
    await gateway.grant(await gateway.customer(), shop)

    const seen: { grant_id: string; state: string; reads: number; subject: string }[] = []
    let path: string | undefined = '/v1/grants?limit=2'
    let pages = 0
    while (path !== undefined) {
      const { status, json } = await get(path, vendor)
      expect(status).toBe(200)
      seen.push(...json.grants)
      pages++
      path = json.next === undefined ? undefined : `/v1/grants?limit=2&after=${json.next}`
    }
    expect(pages).toBe(3)
    expect(seen.map(({ grant_id }) => grant_id)).toEqual(grants.map(({ grantId }) => grantId))
    expect(seen.map(({ state }) => state)).toEqual(['active', 'withdrawn', 'paused', 'active', 'active'])
    expect(seen.map(({ reads }) => reads)).toEqual([1, 0, 0, 0, 0])
  })

  test('show a passed end before anybody recorded it, and nothing that was not redeemed', async () => {
    const vendor = await gateway.vendor('ends')
    const customer = await gateway.customer()
    const to = { vendorId: vendor.vendorId, clientId: vendor.clientId, redeems: false }
    const items = [{ id: 'item-1', purpose: delivery, fields: ['profile.name'] }]
    const [unredeemed] = await addGrants(gateway.house, [customer], { ...to, items })
    await gateway.grant(customer, vendor, { until: gateway.house.now() + 1000 })
    gateway.advance(2000)
    const { json } = await get('/v1/grants', vendor)
    expect(json.grants.map(({ state }: { state: string }) => state)).toEqual(['expired'])
    const reply = await gateway.read(vendor, unredeemed?.subject ?? '', 'profile.name')
    expect(reply.status).toBe(404)
    const own = gateway.withGrantToken(vendor, unredeemed ?? (await gateway.grant(customer, vendor)))
    expect((await gateway.call({ as: own, path: '/v1/grants' })).json.grants).toEqual([])
    expect((await gateway.read(own, unredeemed?.subject ?? '', 'profile.name')).status).toBe(404)
  })

  test('show a token for one customer her grant and no other', async () => {
    const customer = await gateway.customer()
    const grants = [await gateway.grant(customer, shop), await gateway.grant(customer, shop)]
    const [grant] = grants
    if (grant === undefined) throw new Error('there are two')
    const own = gateway.withGrantToken(shop, grant)
    const { json } = await gateway.call({ as: own, path: '/v1/grants' })
    expect(json.grants.map(({ grant_id }: { grant_id: string }) => grant_id)).toEqual([grant.grantId])
    const requests = await gateway.call({ as: own, path: '/v1/requests' })
    expect([requests.status, requests.json.code]).toEqual([403, 'insufficient-scope'])
  })

  test('show requests, and name a grant only once its code was redeemed', async () => {
    const vendor = await gateway.vendor('asks')
    const customer = await gateway.customer()
    const redeemed = await gateway.grant(customer, vendor)
    const to = { vendorId: vendor.vendorId, clientId: vendor.clientId, redeems: false, items: redeemed.items }
    const [unredeemed] = await addGrants(gateway.house, [customer], to)
    await newRequest(vendor, customer, { status: 'allowed', grantId: redeemed.grantId })
    gateway.advance(1000)
    await newRequest(vendor, customer, {
      status: 'allowed',
      ...(unredeemed && { grantId: unredeemed.grantId }),
    })
    gateway.advance(1000)
    await newRequest(vendor, customer, { status: 'refused' })
    gateway.advance(1000)
    await newRequest(vendor, customer, undefined)
    const { json } = await get('/v1/requests', vendor)
    expect(
      json.requests.map(({ status, grant_id }: { status: string; grant_id?: string }) => [status, grant_id]),
    ).toEqual([
      ['open', undefined],
      ['refused', undefined],
      ['allowed', undefined],
      ['allowed', redeemed.grantId],
    ])
    gateway.advance(3_600_000)
    const late = await gateway.call({ as: gateway.withToken(vendor), path: '/v1/requests?limit=1' })
    expect(late.json.requests.map(({ status }: { status: string }) => status)).toEqual(['expired'])
    expect((await gateway.call({ as: gateway.withToken(shop), path: '/v1/requests' })).json.requests).toEqual(
      [],
    )
  })

  test.each([
    'limit=0',
    'limit=201',
    'limit=1.5',
    'limit=x',
    'after=../x',
    'after=',
    'x=1',
    'limit=1&limit=2',
  ])('refuse the query %s', async (query) => {
    const { status, json } = await gateway.call({ as: gateway.withToken(shop), path: `/v1/grants?${query}` })
    expect([status, json.code]).toEqual([400, 'invalid-input'])
  })
})

test('a business that asks too much is told when to come back, and the others are served', async () => {
  const greedy = await gateway.vendor('greedy')
  const subjects = (n: number) => Array.from({ length: n }, (_, i) => `somebody-${i}`)
  expect((await gateway.query(greedy, subjects(1000), ['profile.name'])).status).toBe(200)
  expect((await gateway.query(greedy, subjects(1000), ['profile.name'])).status).toBe(200)
  const reply = await gateway.query(greedy, subjects(1), ['profile.name'])
  expect([reply.status, reply.json.code]).toEqual([429, 'rate-limited'])
  expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(reply.headers.get('ratelimit-policy')).toBe('"subjects";q=2000;w=60')
  expect(reply.headers.get('ratelimit')).toMatch(/^"subjects";r=0;t=\d+$/)
  expect((await gateway.call({ as: gateway.withToken(shop), path: '/v1/grants' })).status).toBe(200)
})

test('a request that was refused is logged by its route, and nothing in the line names anybody', async () => {
  const vendor = await gateway.vendor('logged')
  const before = gateway.logLines.length
  await gateway.read(vendor, 'somebody-named-here', 'profile.name')
  const requests = () =>
    gateway.logLines.slice(before).flatMap((line) => {
      const { event, server, method, route, status } = JSON.parse(line)
      return event === 'request' ? [{ server, method, route, status }] : []
    })
  await expect.poll(requests).toContainEqual({
    server: 'gateway',
    method: 'GET',
    route: '/v1/subjects/:subject',
    status: 404,
  })
  expect(gateway.logLines.slice(before).join('')).not.toContain('somebody')
})

test('all of it works under a path, as the tour has it', async () => {
  await using tour = await TestGateway.open({ gatewayPath: '/tour' })
  const vendor = await tour.vendor('tour')
  const grant = await tour.grant(await tour.customer(), vendor)
  expect((await tour.read(vendor, grant.subject, 'profile.name')).json.data).toEqual({
    'profile.name': 'Ada Lovelace',
  })
  const rows = (await tour.query(vendor, [grant.subject], ['profile.name'])).json.rows
  expect(rows[0].data).toEqual({ 'profile.name': 'Ada Lovelace' })
  const { json } = await tour.call({ path: '/.well-known/oauth-protected-resource' })
  expect(json.resource).toBe(tour.url)
  const wrong = await tour.call({
    as: vendor,
    path: '/v1/grants',
    proof: { htu: `${tour.origin}/v1/grants` },
  })
  expect(wrong.json.code).toBe('invalid-proof')
})

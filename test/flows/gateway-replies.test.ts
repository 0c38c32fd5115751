import { createHash, hash } from 'node:crypto'
import { JsonLdParser } from 'jsonld-streaming-parser'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fields as catalogueFields } from '#core/domain/catalogue.ts'
import { readFact } from '#core/domain/facts.ts'
import { grantHistory } from '#core/records/histories.ts'
import { delivery, marketing, TestGateway } from '../gateway.ts'
import type { GatewayReply, TestVendor } from '../gateway.ts'
import { openReply, readLines } from '../gateway-socket.ts'
import { commitsTo, hashLeaf, isIncluded, openNote, readProof } from '../independent-log.ts'

let gateway: TestGateway
let shop: TestVendor

beforeAll(async () => {
  gateway = await TestGateway.open()
  shop = await gateway.vendor('shop')
})
afterAll(() => gateway[Symbol.asyncDispose]())

const digestOf = (text: string) => `sha-256=:${hash('sha256', text, 'base64')}:`
const granted = async (fields = ['profile.name', 'contact.email', 'profile.ageOver18']) => {
  const customer = await gateway.customer()
  return { customer, grant: await gateway.grant(customer, shop, { fields }) }
}
const read = (
  subject: string,
  {
    headers = {},
    query = '',
    as = shop,
  }: { headers?: Record<string, string>; query?: string; as?: TestVendor } = {},
) =>
  gateway.call({
    as,
    headers,
    path: `/v1/subjects/${subject}?fields=profile.name,contact.email&purpose=${delivery}${query}`,
  })
const disclosures = async (grantId: string) =>
  (await grantHistory(gateway.ledger, grantId)).filter(({ ops }) => readFact(ops).type === 'disclosed').length

describe('a body', () => {
  const body = { purpose: delivery, fields: ['profile.name'], subjects: ['somebody'] }
  const text = JSON.stringify(body)
  const other = digestOf(`${text} `)
  const sha512 = `sha-512=:${createHash('sha512').update(text).digest('base64')}:`
  const post = (field?: string, claim?: unknown) =>
    gateway.call({
      as: shop,
      method: 'POST',
      path: '/v1/query',
      body,
      headers: field === undefined ? {} : { 'content-digest': field },
      ...(claim === undefined ? {} : { proof: { content_digest: claim } }),
    })

  test.each<[string, string | undefined, unknown, number]>([
    ['without a digest, as a standard client sends it', undefined, undefined, 200],
    ['with its digest in the field', digestOf(text), undefined, 200],
    ['with its digest in the proof', undefined, digestOf(text), 200],
    ['with both', digestOf(text), digestOf(text), 200],
    ['with a digest of the other good algorithm', sha512, undefined, 200],
    [
      'with several, also of algorithms that say nothing',
      `md5=:AAAA:, ${digestOf(text)}, ${sha512}`,
      undefined,
      200,
    ],
    ['with the digest of another body in the field', other, undefined, 400],
    ['with the digest of another body in the proof', undefined, other, 400],
    [
      'with a good field that somebody put over another body than the proof is for',
      digestOf(text),
      other,
      400,
    ],
    ['with one good and one bad digest', `${digestOf(text)}, ${sha512.replace(/:./, ':A')}`, undefined, 400],
    ['with an algorithm that says nothing', 'md5=:AAAA:', undefined, 400],
    ['with something that is no digest', 'yes', undefined, 400],
    ['with an empty digest', 'sha-256=::', undefined, 400],
    ['with a claim that is no text', undefined, 7, 400],
    ['with a long one', `${digestOf(text)}${', x=:AAAA:'.repeat(60)}`, undefined, 400],
  ])('%s', async (_name, field, claim, status) => {
    const reply = await post(field, claim)
    expect([reply.status, reply.json.code]).toEqual([status, status === 200 ? undefined : 'digest-mismatch'])
  })

  test('of a reply has a digest, too', async () => {
    const { grant } = await granted()
    for (const reply of [
      await read(grant.subject),
      await post(),
      await gateway.call({ path: '/v1/catalogue' }),
    ])
      expect(reply.headers.get('content-digest')).toBe(digestOf(reply.text))
  })
})

describe('an entity tag', () => {
  const tagOf = ({ headers }: GatewayReply) => headers.get('etag') ?? ''

  test('asked again answers 304 as long as the values are the same, each time on record and proven', async () => {
    const { customer, grant } = await granted()
    const first = await read(grant.subject)
    expect(tagOf(first)).toMatch(/^W\/"[\w-]{22}"$/)
    const again = await read(grant.subject, { headers: { 'if-none-match': `"x", ${tagOf(first)}` } })
    expect([again.status, again.text, tagOf(again)]).toEqual([304, '', tagOf(first)])
    expect(await disclosures(grant.grantId)).toBe(2)

    // Its place in the log stands in the head, and opens the entry as a reply with a body does.
    const said = again.headers.get('reach-log') ?? ''
    const [, index, subjectSalt = '', dataSalt = '', note = ''] =
      /^index=(\d+), origin="[^"]+", subject-salt="(.{22})", data-salt="(.{22})", checkpoint=:(.+):$/.exec(
        said,
      ) ?? []
    openNote(Buffer.from(note, 'base64').toString(), gateway.ledger.log.vkey)
    const { text: proof } = await gateway.call({ as: shop, path: `/v1/log/proof?index=${index}` })
    const { entry } = JSON.parse(readProof(proof).extra?.toString() ?? '')
    const leaf = Buffer.from(entry, 'base64')
    expect(commitsTo(leaf, 'subject', subjectSalt, grant.subject)).toBe(true)
    expect(commitsTo(leaf, 'data', dataSalt, JSON.stringify(first.json.data))).toBe(true)

    gateway.pods.fill(customer.person, 'profile', { name: 'Ada King' })
    gateway.advance(11_000)
    const changed = await read(grant.subject, {
      headers: { 'if-none-match': tagOf(first) },
    })
    expect([changed.status, changed.json.data['profile.name']]).toEqual([200, 'Ada King'])
    expect(tagOf(changed)).not.toBe(tagOf(first))
  })

  test('is worth nothing to who may not read', async () => {
    const { grant } = await granted()
    const headers = { 'if-none-match': tagOf(await read(grant.subject)) }
    await gateway.change(grant, 'paused')
    const paused = await read(grant.subject, { headers })
    expect([paused.status, paused.json.code]).toEqual([404, 'subject-unavailable'])
    const anything = await read('nobody', { headers: { 'if-none-match': '*' } })
    expect(anything.status).toBe(404)
  })

  test('of the same values differs between grants and businesses, so that it links nobody', async () => {
    const customer = await gateway.customer()
    const other = await gateway.vendor('other')
    const [one, two] = [await gateway.grant(customer, shop), await gateway.grant(customer, other)]
    const replies = [await read(one.subject), await read(two.subject, { as: other })]
    expect(replies[0]?.json.data).toEqual(replies[1]?.json.data)
    expect(new Set(replies.map(tagOf)).size).toBe(2)
    const linked = await read(one.subject, { headers: { accept: 'application/ld+json' } })
    expect(tagOf(linked)).not.toBe(tagOf(replies[0] ?? linked))
  })

  test.each([
    '/v1/catalogue',
    '/v1/context.jsonld',
    '/openapi.json',
    '/.well-known/oauth-protected-resource',
  ])('spares the body of %s', async (path) => {
    const whole = await gateway.call({ path })
    expect(tagOf(whole)).toMatch(/^"[\w-]{22}"$/)
    const spared = await gateway.call({ path, headers: { 'if-none-match': tagOf(whole) } })
    expect([spared.status, spared.text, tagOf(spared)]).toEqual([304, '', tagOf(whole)])
    expect((await gateway.call({ path, headers: { 'if-none-match': '"other"' } })).status).toBe(200)
  })
})

describe('as JSON-LD', () => {
  const vcard = 'http://www.w3.org/2006/vcard/ns#'

  test('a reply says in the words of the pod what was granted, and nothing about the log', async () => {
    const customer = await gateway.customer({
      profile: { name: 'Ada Lovelace', birthDate: '1990-12-10', languages: ['en', 'fr'] },
      contact: { email: 'ada@example.org', address: { street: '1 Main Street', country: 'GB' } },
      diet: { diet: ['VeganDiet'] },
    })
    const fields = ['profile.name', 'profile.birthDate', 'profile.languages', 'profile.ageOver18']
    const all = [...fields, 'contact.email', 'contact.address', 'diet.diet']
    const grant = await gateway.grant(customer, shop, { fields: all })
    const path = `/v1/subjects/${grant.subject}?fields=${all}&purpose=${delivery}`
    const plain = await gateway.call({ as: shop, path })
    const linked = await gateway.call({ as: shop, path, headers: { accept: 'application/ld+json' } })
    expect(linked.headers.get('content-type')).toBe('application/ld+json')
    expect(linked.json['@context']).toBe(`${gateway.url}/v1/context.jsonld`)
    expect(linked.json.data).toEqual(plain.json.data)

    const context = await gateway.call({ path: '/v1/context.jsonld' })
    const fetched: string[] = []
    const parser = new JsonLdParser({
      documentLoader: {
        load: async (url: string) => {
          fetched.push(url)
          return context.json
        },
      },
    })
    const triples = new Set<string>()
    const parsed = new Promise<void>((resolve, reject) => {
      parser.on('data', ({ predicate, object }) => {
        const type = object.termType === 'Literal' ? `^${object.datatype.value.replace(/.*[#/]/, '')}` : ''
        triples.add(`${predicate.value} ${object.termType === 'BlankNode' ? '[]' : object.value}${type}`)
      })
      parser.once('error', reject)
      parser.once('end', () => resolve())
    })
    parser.end(linked.text)
    await parsed
    expect(fetched).toEqual([`${gateway.url}/v1/context.jsonld`])
    expect(triples).toEqual(
      new Set([
        `http://purl.org/dc/terms/identifier ${grant.subject}^string`,
        `${vcard}fn Ada Lovelace^string`,
        'https://schema.org/birthDate 1990-12-10^date',
        'https://schema.org/knowsLanguage en^string',
        'https://schema.org/knowsLanguage fr^string',
        'https://w3id.org/reach/vrm#profile.ageOver18 true^boolean',
        'https://schema.org/email ada@example.org^string',
        `${vcard}hasAddress []`,
        `${vcard}street-address 1 Main Street^string`,
        `${vcard}country-name GB^string`,
        'https://schema.org/suitableForDiet https://schema.org/VeganDiet',
      ]),
    )
  })

  test('every field of the catalogue has a term', async () => {
    const { json } = await gateway.call({ path: '/v1/context.jsonld' })
    for (const { id } of catalogueFields) expect(json['@context'][id]['@id']).toMatch(/^https?:\/\//)
  })

  test('is sent to nobody who did not ask for it', async () => {
    const { grant } = await granted()
    for (const accept of [
      '*/*',
      'application/json',
      'application/json, application/ld+json;q=0.9',
      'text/html',
    ])
      expect((await read(grant.subject, { headers: { accept } })).headers.get('content-type')).toBe(
        'application/json',
      )
  })
})

describe('the proof of a reply', () => {
  test('comes with it when asked for, and verifies by the specifications alone', async () => {
    const { grant } = await granted()
    const { json } = await read(grant.subject, { query: '&proof=1' })
    const { index, checkpoint, salts, proof } = json.log
    const file = readProof(proof)
    expect(file.index).toBe(index)
    const head = openNote(file.checkpoint, gateway.ledger.log.vkey)
    expect(file.checkpoint).toBe(checkpoint)
    const { entry, openings } = JSON.parse(file.extra?.toString() ?? '')
    expect(openings).toEqual(salts)
    const leaf = Buffer.from(entry, 'base64')
    expect(isIncluded(hashLeaf(leaf), index, file.path, head)).toBe(true)
    expect(isIncluded(hashLeaf(leaf), index + 1, file.path, head)).toBe(false)
    expect(commitsTo(leaf, 'subject', salts.subject, grant.subject)).toBe(true)
    expect(commitsTo(leaf, 'data', salts.data, JSON.stringify(json.data))).toBe(true)
    expect(commitsTo(leaf, 'data', salts.data, JSON.stringify({ ...json.data, more: 1 }))).toBe(false)
  })

  test('is there later for every row of a batch and of a stream, in a newer checkpoint', async () => {
    const { grant } = await granted()
    const body = { purpose: delivery, fields: ['profile.name'], subjects: [grant.subject] }
    const { json } = await gateway.call({ as: shop, method: 'POST', path: '/v1/query', body })
    const headers = { accept: 'application/x-ndjson' }
    const [line] = await readLines(
      (await openReply(gateway, { as: shop, path: '/v1/query', body, headers })).reply,
    )
    for (const { log } of [json.rows[0], line]) {
      const { text, headers: fields } = await gateway.call({
        as: shop,
        path: `/v1/log/proof?index=${log.index}`,
      })
      expect(fields.get('content-type')).toBe('text/plain; charset=utf-8')
      const file = readProof(text)
      const leaf = Buffer.from(JSON.parse(file.extra?.toString() ?? '').entry, 'base64')
      const head = openNote(file.checkpoint, gateway.ledger.log.vkey)
      expect(isIncluded(hashLeaf(leaf), log.index, file.path, head)).toBe(true)
      expect(commitsTo(leaf, 'data', log.salts.data, '{"profile.name":"Ada Lovelace"}')).toBe(true)
    }
  })

  test.each<[string, number]>([
    ['index=999999', 404],
    ['index=-1', 400],
    ['index=01', 400],
    ['index=1&index=2', 400],
    ['index=1&more=1', 400],
    ['', 400],
  ])('is refused for %s', async (query, status) => {
    expect((await gateway.call({ as: shop, path: `/v1/log/proof?${query}` })).status).toBe(status)
  })

  test('no other value of proof is taken', async () => {
    const reply = await gateway.read(shop, 'nobody', 'profile.name', `${marketing}&proof=2`)
    expect([reply.status, reply.json.errors]).toEqual([400, [{ pointer: 'proof', detail: 'can only be 1' }]])
  })
})

/** Everything in one archive, and data from files of anybody: previewed, chosen, saved on a condition, or refused with a reason. */
import { createHash } from 'node:crypto'
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EntryEvidence, ExportManifest, ImportPreview } from '#schemas/types.gen.ts'
import { checkEverything } from '../check-everything.ts'
import { decide } from '../consent.ts'
import { expectOk, Story } from '../story.ts'
import type { Customer } from '../story.ts'

let story: Story
let ada: Customer

beforeAll(async () => {
  story = await Story.open()
  ada = await story.customer()
})
afterAll(() => story[Symbol.asyncDispose]())

function send({ browser }: Customer, path: string, type: string, body: Uint8Array | string) {
  const { origin } = new URL(story.world.config.vaultUrl)
  const headers = { origin, 'sec-fetch-site': 'same-origin', 'content-type': type }
  return browser.jar.go(story.world.config.vaultUrl + path, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : new Uint8Array(body),
  })
}

async function exported(customer: Customer): Promise<Record<string, Uint8Array>> {
  const response = await send(customer, '/api/export', 'application/json', '{}')
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/zip'])
  const bytes = new Uint8Array(await response.arrayBuffer())
  const files = unzipSync(bytes)
  expect(Object.keys(files).length).toBeGreaterThanOrEqual(Number(response.headers.get('reach-export-files')))
  return files
}

async function preview(customer: Customer, type: string, body: Uint8Array | string): Promise<ImportPreview> {
  const response = await send(customer, '/api/import/preview', type, body)
  const read = (await response.json()) as ImportPreview
  expect([response.status, read]).toEqual([200, read])
  return read
}

const states = ({ fields }: ImportPreview) =>
  Object.fromEntries(fields.map(({ field, state }) => [field, state]))
const valueOf = ({ fields }: ImportPreview, id: string) => fields.find(({ field }) => field === id)?.value

test('an export holds everything, each file with its digest, and every proof', async () => {
  const shop = await story.shop()
  const relation = await story.allow(ada, shop)
  expect((await story.read(relation)).status).toBe(200)
  const page = await story.ask(ada, await story.shop())
  expectOk(await decide(ada.browser, page, { decision: 'deny', items: [] }))
  await story.world.settle()
  const files = await exported(ada)
  const text = (path: string) => strFromU8(files[path] ?? new Uint8Array())
  const manifest = JSON.parse(text('manifest.json')) as ExportManifest
  expect(manifest).toMatchObject({ format: 'reach-export', webId: ada.webId })
  expect([...manifest.files.map(({ path }) => path), 'manifest.json'].toSorted()).toEqual(
    Object.keys(files).toSorted(),
  )
  for (const { path, bytes, sha256 } of manifest.files)
    expect([path, files[path]?.byteLength, digest(files[path])]).toEqual([path, bytes, sha256])
  expect(text('README.txt')).toContain('Permissions are not carried over')

  const inPod = await (await (await story.appOf(ada))(`${ada.container}diet.ttl`)).text()
  expect(text('data/diet.ttl')).toBe(inPod)
  expect(text('history/diet.ttl')).toContain('vrm:FieldRevision')
  expect(JSON.parse(text('consents/permissions.json'))).toMatchObject([{ grantId: relation.grantId }])
  expect(JSON.parse(text('consents/requests.json'))).toMatchObject([
    { status: 'refused' },
    { status: 'allowed' },
  ])
  expect(Object.keys(files).filter((path) => path.endsWith('.jws'))).toHaveLength(2)
  const receipt = `receipts/${relation.receiptId}.jws`
  expect(text(receipt)).toBe(await (await (await story.appOf(ada))(ada.container + receipt)).text())
  expect(text(receipt.replace('.jws', '.tlog-proof'))).toMatch(/^c2sp\.org\/tlog-proof@v1\n/)

  const lines = text('activity/00001.jsonl').trimEnd().split('\n')
  const entries = lines.map((line) => JSON.parse(line) as EntryEvidence)
  const { items } = (await ada.browser.get('/api/activity?limit=100')).body as { items: { index: number }[] }
  expect(entries.map(({ index }) => index)).toEqual(items.map(({ index }) => index))
  expect(entries.every(({ proof }) => proof.startsWith('c2sp.org/tlog-proof@v1\n'))).toBe(true)

  // What opens anything is not in it.
  const all = Object.values(files)
    .map((bytes) => Buffer.from(bytes).toString('latin1'))
    .join('\n')
  expect(all).not.toContain(ada.browser.cookie('session'))
  expect(all).not.toMatch(/"secret"/)
  const anonymous = await send({ ...ada, browser: story.browser() }, '/api/export', 'application/json', '{}')
  expect(anonymous.status).toBe(401)
  await checkEverything(story)
})

test('another Reach takes the data over, field by field, on the condition that nothing changed', async () => {
  const zip = zipSync(await exported(ada))
  const bea = await story.customer({ profile: { name: 'Beatrix Imported' } })
  const first = await preview(bea, 'application/zip', zip)
  expect(first).toMatchObject({ source: 'reach-export', webId: ada.webId })
  expect(states(first)).toEqual({
    'profile.name': 'differs',
    'profile.birthDate': 'new',
    'diet.diet': 'new',
    'diet.allergies': 'new',
  })
  const [profile] = first.categories.filter(({ category }) => category === 'profile')
  const birthDate = valueOf(first, 'profile.birthDate')
  const body = { etag: profile?.etag, values: { ...profile?.values, birthDate } }
  expectOk(await bea.browser.put('/api/categories/profile', body))
  // Saved on the ground of what was compared: not a second time.
  expect((await bea.browser.put('/api/categories/profile', body)).status).toBe(409)
  const second = await preview(bea, 'application/zip', zip)
  expect(states(second)).toMatchObject({ 'profile.name': 'differs', 'profile.birthDate': 'same' })
  expect(second.fields.find(({ field }) => field === 'profile.name')?.now).toBe('Beatrix Imported')

  // What another app shut takes nothing else along, and is not passed over in silence.
  expectOk(await bea.browser.put('/api/categories/diet', { etag: null, values: { diet: ['VeganDiet'] } }))
  const acl = 'http://www.w3.org/ns/auth/acl#'
  const rules = `<#x> a <${acl}Authorization>; <${acl}agent> <https://other.example/#me>;
    <${acl}accessTo> <${bea.container}diet.ttl>; <${acl}mode> <${acl}Read>.`
  const app = await story.appOf(bea)
  const shut = { method: 'PUT', headers: { 'content-type': 'text/turtle' }, body: rules }
  expect((await app(`${bea.container}diet.ttl.acl`, shut)).ok).toBe(true)
  const files = Object.keys(await exported(bea)).filter((path) => path.startsWith('data/'))
  expect(files.toSorted()).toEqual(['data/diet.not-read.txt', 'data/profile.json', 'data/profile.ttl'])
})

test('cards, tables and JSON-LD are read as far as there are fields for them', async () => {
  const card3 = [
    'BEGIN:VCARD',
    'VERSION:3.0',
    'N:Lovelace;Ada;;;',
    'FN:Ada Lovelace',
    'BDAY:18151210',
    'item1.EMAIL;TYPE=INTERNET:old@example.org',
    'EMAIL;TYPE=INTERNET,PREF:ada@example.org',
    'TEL;TYPE=CELL:+44 20 7946 0000',
    'ADR;TYPE=HOME:;;12 St James’s Square;London;;SW1Y 4JH;gb',
    'NOTE:writes programs',
    'END:VCARD',
    '',
  ].join('\r\n')
  const three = await preview(ada, 'text/vcard', card3)
  expect([valueOf(three, 'profile.name'), valueOf(three, 'profile.birthDate')]).toEqual([
    'Ada Lovelace',
    '1815-12-10',
  ])
  expect([valueOf(three, 'contact.email'), valueOf(three, 'contact.phone')]).toEqual([
    'ada@example.org',
    '+44 20 7946 0000',
  ])
  expect(valueOf(three, 'contact.address')).toEqual({
    street: '12 St James’s Square',
    locality: 'London',
    postalCode: 'SW1Y 4JH',
    country: 'GB',
  })
  expect(three.passedOver).toBe(2)

  const card2 = [
    'BEGIN:VCARD',
    'VERSION:2.1',
    'N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=BCrgen;;;',
    'TEL;CELL;PREF:+49 30 901820',
    'ADR;HOME;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:;;=',
    'M=C3=BChlenstra=',
    '=C3=9Fe 1;Berlin;;;',
    'BDAY:--1210',
    'END:VCARD',
    '',
  ].join('\r\n')
  const two = await preview(ada, 'text/vcard', card2)
  expect([valueOf(two, 'profile.name'), valueOf(two, 'contact.phone')]).toEqual([
    'Jürgen Müller',
    '+49 30 901820',
  ])
  expect(states(two)['profile.birthDate']).toBe('unreadable')
  expect(valueOf(two, 'contact.address')).toEqual({ street: 'Mühlenstraße 1', locality: 'Berlin' })
  const card4 =
    'BEGIN:VCARD\nVERSION:4.0\nFN:Zoë\nLANG:de\nLANG;PREF=1:fr\nTEL;VALUE=uri:tel:+33-1-23-45\nEND:VCARD\n'
  const four = await preview(ada, 'text/vcard', card4)
  expect([valueOf(four, 'profile.languages'), valueOf(four, 'contact.phone')]).toEqual([
    ['de', 'fr'],
    '+33-1-23-45',
  ])

  const wide = await preview(
    ada,
    'text/csv',
    '\uFEFFFirst Name,Last Name,Birthday,Shoe\n"Ada","King, Countess",1815-12-10,38\n',
  )
  expect([valueOf(wide, 'profile.name'), wide.passedOver]).toEqual(['Ada King, Countess', 1])
  const long = await preview(
    ada,
    'text/csv',
    'field,value\ndiet.allergies,"nuts; figs"\ncontact.address.locality,London\nprofile.ageOver18,true\nno.such,1\n',
  )
  expect(valueOf(long, 'diet.allergies')).toEqual(['nuts', 'figs'])
  expect([valueOf(long, 'contact.address'), long.passedOver]).toEqual([{ locality: 'London' }, 2])

  const document = {
    '@context': { foaf: 'http://xmlns.com/foaf/0.1/', vcard: 'http://www.w3.org/2006/vcard/ns#' },
    '@id': 'https://elsewhere.example/me',
    'foaf:name': 'Ada of Elsewhere',
    'vcard:fn': 'Ada of Elsewhere',
  }
  const linked = await preview(ada, 'application/ld+json', JSON.stringify(document))
  expect(valueOf(linked, 'profile.name')).toBe('Ada of Elsewhere')
})

test('a hostile or broken file is refused with its reason, and nothing is saved', async () => {
  const files = await exported(ada)
  const good = zipSync(files)
  const change = (act: (bytes: Buffer) => void, from: Uint8Array = good): Buffer => {
    const bytes = Buffer.from(from)
    act(bytes)
    return bytes
  }
  /** Where the directory tells of this file. */
  const entryOf = (bytes: Buffer, path: string) => {
    for (
      let at = bytes.readUInt32LE(bytes.length - 6);
      ;
      at += 46 + bytes.readUInt16LE(at + 28) + bytes.readUInt16LE(at + 30)
    ) {
      const end = at + 46 + bytes.readUInt16LE(at + 28)
      if (bytes.toString('latin1', at + 46, end) === path) return at
    }
  }
  const manifestOf = (content: unknown) => zipSync({ 'manifest.json': strToU8(JSON.stringify(content)) })
  const manifest = JSON.parse(strFromU8(files['manifest.json'] ?? new Uint8Array())) as ExportManifest
  const withData = (content: string) => {
    const bytes = strToU8(content)
    const file = { path: 'data/diet.json', bytes: bytes.byteLength, sha256: digest(bytes) }
    return zipSync({
      'data/diet.json': bytes,
      'manifest.json': strToU8(JSON.stringify({ ...manifest, files: [file] })),
    })
  }
  const card = 'BEGIN:VCARD\nVERSION:3.0\nFN:A\nEND:VCARD\n'
  const zip = 'application/zip'
  const cases: [type: string, body: Uint8Array | string, status: number, detail: RegExp][] = [
    ['application/octet-stream', good, 415, /is read/],
    ['text/csv', 'x'.repeat(1024 * 1024 + 1), 413, /too large/],
    [zip, 'PK', 400, /no ZIP archive/],
    [zip, good.subarray(0, -30), 400, /no ZIP archive, or it is cut off/],
    [zip, Buffer.concat([good, Buffer.from('more')]), 400, /no ZIP archive/],
    [zip, change((bytes) => bytes.writeUInt16LE(9, bytes.length - 12)), 400, /several parts/],
    [
      zip,
      change((bytes) => bytes.writeUInt32LE(7, bytes.length - 6)),
      400,
      /directory of the archive is damaged/,
    ],
    [zip, change((bytes) => bytes.writeUInt16LE(1, entryOf(bytes, 'data/diet.json') + 8)), 400, /encrypted/],
    [
      zip,
      change((bytes) => bytes.writeUInt16LE(12, entryOf(bytes, 'data/diet.json') + 10)),
      400,
      /packed in a way/,
    ],
    [zip, zipSync({ ...files, '../../etc/passwd': strToU8('x') }), 400, /name that no export gives/],
    [zip, zipSync({ ...files, 'data/..': strToU8('x') }), 400, /name that no export gives/],
    [zip, zipSync({ 'a.txt': strToU8('x') }), 400, /no manifest\.json/],
    [
      zip,
      change((bytes) => bytes.writeUInt32LE(2 ** 31, entryOf(bytes, 'data/diet.json') + 24)),
      400,
      /unpacks to more/,
    ],
    // A bomb that declares little: unpacked no further than that.
    [
      zip,
      change(
        (bytes) => bytes.writeUInt32LE(50, entryOf(bytes, 'data/diet.json') + 24),
        zipSync({ ...files, 'data/diet.json': new Uint8Array(20_000_000) }),
      ),
      400,
      /is damaged/,
    ],
    [zip, zipSync({ ...files, 'data/diet.json': new Uint8Array(20_000_000) }), 400, /unpacks to more/],
    [
      zip,
      change((bytes) => bytes.writeUInt32LE(3, entryOf(bytes, 'data/diet.json') + 42)),
      400,
      /is damaged/,
    ],
    [
      zip,
      zipSync({ ...files, 'data/diet.json': strToU8('{"category":"diet","values":{}}') }),
      400,
      /not the one that its manifest names/,
    ],
    [
      zip,
      zipSync(Object.fromEntries(Object.entries(files).filter(([path]) => path !== 'log/vkey'))),
      400,
      /lacks a file/,
    ],
    [zip, manifestOf({ format: 'other' }), 400, /manifest of the archive is not one/],
    [
      zip,
      manifestOf({ ...manifest, files: [manifest.files[0], manifest.files[0]] }),
      400,
      /names a file twice/,
    ],
    [zip, withData('{'), 400, /not JSON/],
    [zip, withData('['.repeat(100_000)), 400, /not JSON/],
    [zip, withData('{"category":"profile","values":{}}'), 400, /another form/],
    [zip, withData('{"category":"diet","values":[]}'), 400, /another form/],
    ['text/vcard', 'hello', 400, /no vCard/],
    ['text/vcard', card + card, 400, /holds 2 cards/],
    ['text/vcard', `BEGIN:VCARD\nVERSION:3.0\n${'TEL:1\n'.repeat(600)}END:VCARD\n`, 400, /too many lines/],
    [
      'text/vcard',
      `BEGIN:VCARD\nVERSION:3.0\nTEL;${'TYPE=a;'.repeat(140_000)}X=b:1\nEND:VCARD\n`,
      400,
      /parts/,
    ],
    // What takes the square of its length to read would hold up everybody.
    ['text/vcard', `BEGIN:VCARD\nVERSION:2.1\nTEL;${'QUOTED-PRINTABLE'.repeat(60_000)}`, 400, /no vCard/],
    ['text/vcard', Buffer.from([0xff, 0xfe, 0x41]), 400, /not UTF-8/],
    ['text/vcard', Buffer.from(card, 'utf16le'), 400, /no vCard|not UTF-8/],
    ['text/csv', Buffer.from('Name\nJürgen\n', 'latin1'), 400, /not UTF-8/],
    ['application/ld+json', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`, 400, /nested too deeply/],
    ['text/csv', '', 400, /empty|no table/],
    ['text/csv', 'Name,Phone\nA,1\nB,2\n', 400, /2 people/],
    ['text/csv', 'Name\n"A', 400, /no table/],
    ['application/ld+json', '{', 400, /no JSON/],
    [
      'application/ld+json',
      '{"@context":"https://schema.org","name":"A"}',
      400,
      /context that lies elsewhere/,
    ],
    [
      'application/ld+json',
      '[{"@id":"urn:a","http://xmlns.com/foaf/0.1/name":"A"},{"@id":"urn:b","http://xmlns.com/foaf/0.1/name":"B"}]',
      400,
      /2 things/,
    ],
  ]
  const before = (await ada.browser.get('/api/categories')).body
  for (const [i, [type, body, status, detail]] of cases.entries()) {
    // A minute's worth of files.
    if (i % 15 === 14) ada = await story.customer()
    const response = await send(ada, '/api/import/preview', type, body)
    const problem = (await response.json()) as { detail?: string }
    expect([i, response.status], String(problem.detail)).toEqual([i, status])
    expect(problem.detail, `case ${i}`).toMatch(detail)
  }
  expect(before).toBeDefined()
  await checkEverything(story)
})

function digest(bytes: Uint8Array | undefined): string {
  return createHash('sha256')
    .update(bytes ?? '')
    .digest('base64url')
}

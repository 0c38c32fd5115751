/** `reach audit` behind the entries, offline: what it finds, what it exports, what it compares. */
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { JsonLdParser } from 'jsonld-streaming-parser'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Fact } from '#core/domain/facts.ts'
import {
  facts,
  grant,
  json,
  notice,
  reachAudit,
  reachProcess,
  reads,
  start,
  vendor,
} from '../audit-command.ts'
import { openedMirror } from '../opened-mirror.ts'
import type { OpenedMirror } from '../opened-mirror.ts'

type Node = { readonly [member: string]: unknown }

let home: string
let mirror: OpenedMirror
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'reach-test-review-'))
  mirror = await openedMirror(facts)
})
afterAll(async () => {
  await mirror[Symbol.asyncDispose]()
  await rm(home, { recursive: true, force: true })
})

const reach = (...words: string[]) => reachAudit(home, ...words)

test('verifies a log with every entry opened, and replays it without a finding', async () => {
  const verified = await reach('verify', mirror.folder, '--openings')
  expect(verified).toMatchObject({ code: 0 })
  expect(verified.out).toContain(`${facts.length} of ${facts.length} entries are opened`)
  const replayed = await reach('replay', mirror.folder, '--json')
  expect(replayed.code).toBe(0)
  expect(json(replayed)).toMatchObject({
    ok: true,
    opened: facts.length,
    counts: { withdrawn: 1 },
    findings: [],
  })
  const before = await reach('replay', mirror.folder, '--as-of', '2026-03-01T00:05:00Z')
  expect(before.out).toContain(`active       ${grant}  ${vendor}`)
  expect(before.out).toContain('consents: 1 active')
  // A day is its end, as on the auditor's pages.
  const thatDay = await reach('replay', mirror.folder, '--as-of', '2026-03-01')
  expect(thatDay.out).toContain(`withdrawn    ${grant}  ${vendor}`)
})

test('the codes reach the shell', async () => {
  const wrong = await mirror.forged('000', (text) => text.replace('\\"seq\\":1,', '\\"seq\\":2,'))
  const few = await mirror.forged('000', (text) => text.replace(/.*\n/, ''))
  const ended = await Promise.all([
    reachProcess(home, 'replay', mirror.folder),
    reachProcess(home, 'replay', wrong),
    reachProcess(home, 'replay', mirror.folder, '--as-of', 'yesterday'),
    reachProcess(home, 'replay', join(home, 'nowhere')),
    reachProcess(home, 'replay', few),
  ])
  expect(ended.map(({ code }) => code)).toEqual([0, 1, 2, 3, 4])
  expect(ended.map(({ err }) => err.split('\n').length)).toEqual([1, 2, 2, 2, 2])
})

test('searches and shows, each line with what proves it', async () => {
  const found = json(await reach('search', mirror.folder, '--type', 'granted,withdrawn', '--json'))
  expect(found).toMatchObject({ entries: [{ index: 2 }, { index: facts.length - 1 }] })
  const shown = await reach('show', mirror.folder, '2')
  expect(shown).toMatchObject({ code: 0, out: `2  ${mirror.facts[2]}\n` })
  expect((await reach('search', mirror.folder, '--from', '2027-01-01')).out).toBe('')
  for (const words of [
    ['show', mirror.folder, '305'],
    ['show', mirror.folder, '-1'],
    ['show', mirror.folder, 'x'],
    ['search', mirror.folder, '--type', 'everything'],
    ['search', mirror.folder, '--from', 'yesterday'],
    ['sample', mirror.folder, '-n', '0'],
    ['export', mirror.folder, join(home, 'no'), '--format', 'pdf'],
  ])
    expect({ words, ...(await reach(...words)) }).toMatchObject({ code: 2, out: '' })
})

test('draws the same sample for everybody, and another one from another population', async () => {
  const draw = async (...words: string[]) =>
    json(await reach('sample', mirror.folder, '--json', '-n', '25', ...words))
  const first = await draw()
  expect(first).toEqual(await draw())
  const { entries, population } = first as { entries: { index: number }[]; population: number }
  expect({ drawn: new Set(entries.map(({ index }) => index)).size, population }).toEqual({
    drawn: 25,
    population: 305,
  })
  expect(await draw('--type', 'disclosed')).toMatchObject({ population: reads })
  expect(await draw('--type', 'withdrawn')).toMatchObject({ population: 1, entries: [{}] })
})

describe('an export', () => {
  test.each([
    ['csv', ['entries.csv'], 305],
    ['jsonl', ['entries.jsonl'], 305],
    ['html', ['entries.html'], 305],
    ['27560', ['consents.jsonld'], 1],
    ['ropa', ['processing.json', 'processing.html'], 1],
  ] as const)(
    'as %s is the same whoever makes it, and its manifest says of what',
    async (format, names, count) => {
      const [one, two] = [join(home, `${format}-1`), join(home, `${format}-2`)]
      for (const folder of [one, two])
        expect(await reach('export', mirror.folder, folder, '--format', format)).toMatchObject({ code: 0 })
      const manifest = JSON.parse(await readFile(join(one, 'manifest.json'), 'utf8')) as Record<
        string,
        unknown
      >
      expect(manifest).toMatchObject({ size: 305, opened: 305, range: { first: 0, end: 305 } })
      expect(manifest['checkpoint']).toBe(await readFile(join(mirror.folder, 'checkpoint'), 'utf8'))
      for (const [i, name] of names.entries()) {
        const bytes = await readFile(join(one, name))
        expect(bytes.equals(await readFile(join(two, name)))).toBe(true)
        const sha256 = createHash('sha256').update(bytes).digest('hex')
        expect((manifest['files'] as object[])[i]).toMatchObject({ name, count, sha256, bytes: bytes.length })
      }
    },
  )

  test('tells consents as ISO/IEC TS 27560 has them, and processing as Art. 30 asks', async () => {
    const folder = join(home, 'reports')
    await reach('export', mirror.folder, folder, '--format', '27560')
    const [record] = JSON.parse(await readFile(join(folder, 'consents.jsonld'), 'utf8')) as object[]
    expect(record).toMatchObject({
      'dct:conformsTo': 'https://w3id.org/dpv/schema/dpv-27560#record',
      'dct:identifier': grant,
      'reach:state': 'withdrawn',
      'reach:disclosed': reads,
      'dpv:hasNotice': { 'dct:identifier': `sha-256:${notice}` },
      'dpv:hasProcess': [{ 'dpv:hasPurpose': 'dpv:CustomerCare' }],
      'dpv:hasConsentStatus': [
        { '@type': 'dpv:ConsentRequested', 'reach:logIndex': 1 },
        { '@type': 'dpv:ConsentGiven', 'reach:logIndex': 2 },
        { 'dct:description': 'redeemed' },
        { '@type': 'dpv:ConsentWithdrawn', 'reach:logIndex': 304 },
      ],
    })
    await reach('export', mirror.folder, folder, '--format', 'ropa')
    expect(JSON.parse(await readFile(join(folder, 'processing.json'), 'utf8'))).toMatchObject([
      {
        controller: vendor,
        purposeTitle: 'Customer care',
        categories: ['diet.allergies', 'profile.name'],
        specialCategories: ['diet.allergies'],
        consents: { withdrawn: 1 },
        disclosures: reads,
      },
    ])
  })

  test('of consents never leaves out how they ended', async () => {
    const folder = join(home, 'cut')
    for (const format of ['27560', 'ropa'])
      for (const cut of [
        ['--purpose', 'dpv:CustomerCare'],
        ['--type', 'granted,redeemed'],
        ['--from', '2026-03-02'],
      ])
        expect({
          cut,
          ...(await reach('export', mirror.folder, folder, '--format', format, ...cut)),
        }).toMatchObject({ code: 2, out: '' })
    const recovered: Fact = { type: 'log-recovered', time: start + 400_000, first: 2, end: 304 }
    await using lost = await openedMirror([...facts.slice(0, -1), recovered])
    for (const whole of [
      ['--vendor', vendor],
      ['--grant', grant],
    ]) {
      await reach('export', lost.folder, folder, '--format', '27560', ...whole)
      const [record] = JSON.parse(await readFile(join(folder, 'consents.jsonld'), 'utf8')) as object[]
      expect(record).toMatchObject({ 'dct:identifier': grant, 'reach:state': 'withdrawn' })
    }
  })

  test('as ISO/IEC TS 27560 leads back to what the replay of the log says', async () => {
    const folder = join(home, 'again')
    await reach('export', mirror.folder, folder, '--format', '27560')
    const records = JSON.parse(await readFile(join(folder, 'consents.jsonld'), 'utf8')) as Node[]
    const { grants } = json(await reach('replay', mirror.folder, '--as-of', '2026-12-31', '--json')) as {
      grants: Node[]
    }
    const nodes = (value: unknown) => value as Node[]
    const read = records.map((record) => ({
      grant: record['dct:identifier'],
      vendor: (record['dpv:hasDataController'] as Node)['dct:identifier'],
      state: record['reach:state'],
      disclosed: record['reach:disclosed'],
      until: Date.parse(
        String(nodes(record['dpv:hasConsentStatus']).findLast((step) => 'dct:valid' in step)?.['dct:valid']),
      ),
      items: nodes(record['dpv:hasProcess']).map((process) => ({
        purpose: process['dpv:hasPurpose'],
        fields: nodes(process['dpv:hasPersonalData']).map((data) => data['dct:identifier']),
      })),
    }))
    expect(read).toEqual(
      grants.map(({ grant: id, vendor: business, state, disclosed, until: end, items }) => ({
        grant: id,
        vendor: business,
        state,
        disclosed,
        until: end,
        items,
      })),
    )
    const parser = new JsonLdParser({ strictValues: true })
    const predicates: string[] = []
    const ended = new Promise((resolve, reject) => parser.on('end', resolve).on('error', reject))
    parser.on('data', ({ predicate }) => predicates.push(predicate.value))
    parser.end(JSON.stringify(records))
    await ended
    expect(predicates.length).toBeGreaterThan(20)
    expect(predicates.filter((predicate) => !/^(?:https?:|urn:)/.test(predicate))).toEqual([])
  })

  test('takes no name for markup, and no id for a formula', async () => {
    const dashed = `-${'1'.repeat(21)}`
    const turned = facts.slice(0, 6).map((fact) => ('vendor' in fact ? { ...fact, vendor: dashed } : fact))
    await using hostile = await openedMirror(turned)
    const name = "<img src=x onerror=alert(1)>\"=cmd|' /C calc'!A0"
    await writeFile(
      join(hostile.folder, 'businesses.json'),
      JSON.stringify({ businesses: [{ vendorId: dashed, name }, null, 7, { vendorId: 1 }] }),
    )
    const folder = join(home, 'hostile')
    for (const format of ['ropa', 'html', 'csv', '27560', 'jsonl'])
      expect(await reach('export', hostile.folder, folder, '--format', format)).toMatchObject({ code: 0 })
    const page = await readFile(join(folder, 'processing.html'), 'utf8')
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;=cmd|')
    for (const file of ['processing.html', 'entries.html']) {
      const text = await readFile(join(folder, file), 'utf8')
      expect(text).not.toMatch(/<(?:img|script)/)
      expect(text).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`)
    }
    const cells = (await readFile(join(folder, 'entries.csv'), 'utf8'))
      .split('\r\n')
      .slice(1, -1)
      .flatMap((line) => line.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/))
    expect(cells).toContain(`'${dashed}`)
    expect(cells.filter((cell) => /^"?[=+\-@\t]/.test(cell))).toEqual([])
    // What such a file says is read back as what it is.
    const list = join(home, 'dashed.csv')
    await writeFile(list, `index,grant,seq\n4,${grant},1\n5,${grant},2\n`)
    expect(await reach('reconcile', hostile.folder, dashed, list)).toMatchObject({ code: 0 })
    await writeFile(list, `'=index,index\n'-1,4\n,5\n`)
    expect(await reach('reconcile', hostile.folder, dashed, list)).toMatchObject({ code: 0 })
  })
})

describe('a list of a business', () => {
  const head = 'index,grant,seq,fields,time\n'
  const rowOf = (seq: number, index = seq + 3) =>
    `${index},${grant},${seq},"profile.name",${new Date(start + 1_000 * seq).toISOString()}`
  const rows = Array.from({ length: reads }, (_, i) => rowOf(i + 1))
  const against = async (text: string) => {
    const file = join(home, 'list.csv')
    await writeFile(file, text)
    return reach('reconcile', mirror.folder, vendor, file, '--json')
  }

  test('that agrees is ok', async () => {
    const ended = await against(`${head}${rows.join('\r\n')}\r\n`)
    expect(ended.code).toBe(0)
    expect(json(ended)).toMatchObject({ listed: reads, differences: [] })
  })

  test.each([
    ['lacks a release', rows.slice(1), { index: 4, what: /list lacks/ }],
    ['has one that was not', [...rows, rowOf(301)], { line: 302, index: 304, what: /no release there/ }],
    ['has one twice', [...rows, rowOf(7)], { line: 302, index: 10, what: /twice/ }],
    ['says another number', rows.with(0, rowOf(2, 4)), { line: 2, index: 4, what: /another seq: 1/ }],
    [
      'says other fields',
      rows.with(0, rowOf(1).replace('profile.name', 'profile.name diet.diet')),
      { what: /fields/ },
    ],
    ['says another time', rows.with(0, rowOf(1).replace('2026', '2025')), { what: /time/ }],
  ] as const)('that %s is a finding, by name', async (_, turned, { what, ...difference }) => {
    const ended = await against(head + turned.join('\n'))
    expect(ended.code).toBe(4)
    const { differences } = json(ended) as { differences: object[] }
    expect(differences).toHaveLength(1)
    expect(differences[0]).toMatchObject({ ...difference, what: expect.stringMatching(what) })
  })

  test('of another business is full of differences, and one that is no list is refused', async () => {
    await writeFile(join(home, 'list.csv'), head + rows.slice(0, 2).join('\n'))
    const ended = await reach('reconcile', mirror.folder, 'w'.repeat(22), join(home, 'list.csv'), '--json')
    expect(ended.code).toBe(4)
    expect(json(ended)).toMatchObject({
      differences: [{ what: /another business/ }, { what: /another business/ }].map(({ what }) => ({
        what: expect.stringMatching(what),
      })),
    })
    // Nothing differs where there is nothing: whose list it is has to be known.
    await writeFile(join(home, 'list.csv'), head)
    const unknown = await reach('reconcile', mirror.folder, 'w'.repeat(22), join(home, 'list.csv'))
    expect(unknown).toMatchObject({ code: 2, out: '' })
    for (const wrong of [
      `index\n"${'x'.repeat(20_000_000)}"\n`,
      `index\n${'"'.repeat(20_000_001)}\n`,
      '',
      'grant\nx\n',
      'index\nseven\n',
      'index,seq\n1\n',
      'index\n"1\n',
      'index,index\n1,1\n',
    ])
      expect({ wrong, ...(await against(wrong)) }).toMatchObject({ code: 2, out: '' })
  })
})

test('a log that holds what should not be is verified, and a finding', async () => {
  const late: Fact = {
    ...(facts.at(-2) as Extract<Fact, { type: 'disclosed' }>),
    time: start + 500_000,
    seq: 301,
  }
  await using bad = await openedMirror([...facts, late])
  expect(await reach('verify', bad.folder, '--openings')).toMatchObject({ code: 0 })
  const ended = await reach('replay', bad.folder)
  expect(ended.code).toBe(4)
  expect(ended.out).toContain(`entry 305  withdrawn  grant ${grant}`)
  const begun: Fact = {
    type: 'erasure-begun',
    time: start + 500_000,
    erasure: 'e'.repeat(22),
    cause: 'own-act',
  }
  await using unfinished = await openedMirror([...facts, begun])
  expect(await reach('erasures', unfinished.folder)).toMatchObject({ code: 4 })
  await using unbegun = await openedMirror([
    ...facts,
    { type: 'erased', time: start + 500_000, erasure: 'e'.repeat(22) },
  ])
  for (const verb of ['erasures', 'replay'])
    expect(await reach(verb, unbegun.folder)).toMatchObject({ code: 4 })
  await using finished = await openedMirror([
    ...facts,
    begun,
    { type: 'erased', time: start + 500_001, erasure: 'e'.repeat(22) },
  ])
  expect(await reach('erasures', finished.folder)).toMatchObject({ code: 0 })
  expect((await reach('erasures', mirror.folder)).out).toBe('')
})

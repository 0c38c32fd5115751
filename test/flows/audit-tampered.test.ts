/** `reach audit` on openings and proofs that somebody tampered with: one line, exit code 1, nothing told of what was read. */
import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseVkey, SIGNATURE_TYPE, writeSignatureLine, writeVkey } from '#core/ledger/note.ts'
import { proveEntry } from '#core/ledger/proof.ts'
import { facts, grant, json, reachAudit, reachRemembering } from '../audit-command.ts'
import { ledgerFolders, openIn } from '../level-ledger.ts'
import { openedMirror } from '../opened-mirror.ts'
import type { OpenedMirror } from '../opened-mirror.ts'

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

describe('openings that were tampered with fail, in one line and with the entry:', () => {
  const lineOf = (text: string, at: number) => text.split('\n')[at] ?? ''
  const cases: readonly [string, string, (text: string) => string, RegExp][] = [
    [
      'another number',
      '000',
      (text) => text.replace('\\"seq\\":1,', '\\"seq\\":2,'),
      /entry 4 commits to other facts/,
    ],
    [
      'another salt',
      '000',
      (text) => text.replace(/"salt":"(.)/, (_, c) => `"salt":"${c === 'A' ? 'B' : 'A'}`),
      /entry 0 commits/,
    ],
    [
      'the opening of another entry',
      '000',
      (text) => text.replace(lineOf(text, 5), lineOf(text, 6).replace('"index":6', '"index":5')),
      /entry 5 commits/,
    ],
    [
      'one line twice',
      '000',
      (text) => text.replace(`${lineOf(text, 5)}\n`, `${lineOf(text, 5)}\n${lineOf(text, 5)}\n`),
      /entry 5 has no place/,
    ],
    [
      'two lines the wrong way round',
      '000',
      (text) =>
        text.replace(`${lineOf(text, 5)}\n${lineOf(text, 6)}\n`, `${lineOf(text, 6)}\n${lineOf(text, 5)}\n`),
      /entry 5 has no place/,
    ],
    [
      'an index beyond the bundle',
      '000',
      (text) => text.replace('"index":255', '"index":256'),
      /entry 256 has no place/,
    ],
    ['half a line', '000', (text) => text.slice(0, -9), /last line is not whole/],
    ['no JSON', '000', (text) => `nonsense\n${text}`, /a line is malformed/],
    ['one member more', '000', (text) => text.replace('"salt"', '"more":1,"salt"'), /a line is malformed/],
    [
      'a number that is none',
      '000',
      (text) => text.replace('"index":7', '"index":7.5'),
      /a line is malformed/,
    ],
    ['deep nesting', '000', (text) => `${'['.repeat(100_000)}\n${text}`, /a line is malformed/],
    [
      'bytes that are no text',
      '000',
      (text) => text.replace('vendor-admitted', 'vendor-\u0000dmitted'),
      /malformed|other facts/,
    ],
  ]
  test.each(cases)('%s', async (_, file, turn, reason) => {
    const place = await mirror.forged(file, turn)
    const ended = await reach('replay', place)
    expect(ended).toMatchObject({ code: 1, out: '' })
    expect(ended.err).toMatch(/^FAILED {2}[^\n]*\n$/)
    expect(ended.err).toMatch(reason)
  })

  test('a file that is too large for any log', async () => {
    const place = await mirror.forged('000', (text) => text + ' '.repeat(17 * 1024 * 1024))
    expect(await reach('replay', place)).toMatchObject({ code: 1, out: '' })
  })
})

test('entries that nobody opened are a finding, unless one says that they may stay closed', async () => {
  const place = await mirror.forged('000', (text) => text.replace(/.*"seq\\":7,.*\n/, ''))
  const ended = await reach('replay', place)
  expect(ended).toMatchObject({ code: 4, out: '' })
  expect(ended.err).toContain('not-opened: 1 of 305')
  // What is left out shows in the numbering all the same.
  const partial = await reach('replay', place, '--partial', '--json')
  expect(partial.code).toBe(4)
  expect(json(partial)).toMatchObject({ findings: [{ index: 11, code: 'seq-gap', grant }] })
  expect(partial.err).toContain('1 entries are closed to you, and what they hold may explain it\n')
  const closed = await mkdtemp(join(home, 'closed-'))
  await cp(mirror.folder, closed, { recursive: true })
  await rm(join(closed, 'openings'), { recursive: true })
  expect(await reach('verify', closed)).toMatchObject({ code: 0 })
  expect(await reach('verify', closed, '--openings')).toMatchObject({ code: 4, out: '' })
})

test('a changed entry fails before anything is told of it', async () => {
  const copy = await mkdtemp(join(home, 'changed-'))
  await cp(mirror.folder, copy, { recursive: true })
  const name = join(copy, 'tile/entries/001.p/49')
  const bytes = await readFile(name)
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  await writeFile(name, bytes)
  for (const words of [['search'], ['replay'], ['sample', '-n', '3'], ['erasures']]) {
    const [verb = '', ...more] = words
    expect({ verb, ...(await reach(verb, copy, ...more)) }).toMatchObject({ code: 1, out: '' })
  }
  const folder = join(home, 'never')
  expect(await reach('export', copy, folder, '--format', 'csv')).toMatchObject({ code: 1, out: '' })
  await expect(readFile(join(folder, 'manifest.json'))).rejects.toThrow('ENOENT')
})

test('evidence of one entry tells what it says, and fails when it tells anything else', async () => {
  const file = join(home, '17.tlog-proof')
  const proof = (await reach('prove', mirror.folder, '17')).out
  await writeFile(file, proof)
  const check = () => reach('check', file, '--vkey', mirror.vkey)
  const good = await check()
  expect(good.code).toBe(0)
  expect(good.out).toContain(`it says ${mirror.facts[17]}`)
  const [, extra = ''] = /^extra (\S+)$/m.exec(proof) ?? []
  const read = Buffer.from(extra, 'base64').toString()
  for (const turn of [
    read.replace('\\"seq\\":14', '\\"seq\\":15'),
    read.replace(/"ops":".*?"/, `"ops":"${'A'.repeat(22)}"`),
    read.replace(/"openings":\{.*?\}/, '"openings":{}'),
    read.replace(/"facts":".*"\}$/, '"facts":7}'),
  ]) {
    expect(turn).not.toBe(read)
    await writeFile(file, proof.replace(extra, Buffer.from(turn).toString('base64')))
    expect(await check()).toMatchObject({ code: 1, out: '' })
  }
})

test('what a log committed to drives no terminal', async () => {
  await using folders = await ledgerFolders()
  await using ledger = (await openIn(folders)).ledger
  const facts = '{"a":"\u009b2J\u202eko"}'
  await ledger.commit({ entries: [{ claims: () => ({ ops: facts }) }] })
  const [entry] = await ledger.openings(0, 1)
  const { log } = ledger
  const proven = { index: 0, checkpoint: log.checkpoint(), openings: { ops: entry?.salt ?? '' }, facts }
  const file = join(home, 'hostile.tlog-proof')
  await writeFile(file, await proveEntry(log, proven))
  const ended = await reach('check', file, '--vkey', log.vkey)
  expect(ended).toMatchObject({ code: 0 })
  expect(ended.out).toContain('it says {"a":"\\u{9b}2J\\u{202e}ko"}')
  const [time, auditor] = [facts.length, 'A'.repeat(22)]
  await using invited = await openedMirror([
    { type: 'auditor-invited', time, auditor, shown: ['\u009b2J\u202eko'], expires: time },
  ])
  for (const words of [
    ['search', invited.folder],
    ['show', invited.folder, '0'],
  ])
    expect((await reach(...words)).out).toContain('"shown":["\\u{9b}2J\\u{202e}ko"]')
  // Programs read the same text as from the log.
  const told = await reach('show', invited.folder, '0', '--json')
  expect(told.out).toContain('"\\u009b2J\\u202eko"')
  expect(told.out).not.toMatch(hostile)
  expect(json(told)).toMatchObject({ entries: [{ facts: { shown: ['\u009b2J\u202eko'] } }] })
  // Of two checkpoints that contradict each other, both are shown; what else the log signed in them as well.
  const keys = generateKeyPairSync('ed25519')
  const vkey = writeVkey('vault.example/log', SIGNATURE_TYPE.ed25519, keys.publicKey)
  const heads = [0, 1].map((byte) => {
    const text = `vault.example/log\n1\n${Buffer.alloc(32, byte).toString('base64')}\n\u009b2J\u202e\n`
    const signature = sign(null, Buffer.from(text), keys.privateKey)
    const line = writeSignatureLine({ name: 'vault.example/log', id: parseVkey(vkey).id, signature })
    return `${text}\n${line}`
  })
  const files = ['a', 'b'].map((name) => join(home, name))
  for (const [i, name] of files.entries()) await writeFile(name, heads[i] ?? '')
  const compared = await reachRemembering(home, 'compare', invited.folder, ...files, '--vkey', vkey)
  expect(compared).toMatchObject({ code: 1 })
  expect(compared.out).toContain('\\u{9b}2J\\u{202e}\n')
  expect(compared.out).not.toMatch(hostile)
  // Nor does a file of somebody's pod by its name.
  const pod = join(home, 'hostile-pod')
  await mkdir(pod)
  await writeFile(join(pod, '\u001b]0;ko\u0007\u009b2J\nok.jws'), 'no receipt')
  const receipts = await reach('receipts', invited.folder, pod)
  expect(receipts).toMatchObject({ code: 4 })
  expect(receipts.out).toBe('\\u{1b}]0;ko\\u{7}\\u{9b}2J\\u{a}ok.jws  is no receipt\n')
})

// oxlint-disable-next-line no-control-regex -- it is what is looked for
const hostile = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/

test('a vault that answers with anything but openings is no verdict, or fails, and never ok', async () => {
  const key = join(home, 'key')
  await writeFile(key, 'K'.repeat(43))
  const good = (await readFile(join(mirror.folder, 'openings/000'), 'utf8')).trim().split('\n')
  const entries = good.map((line) => JSON.parse(line) as Record<string, unknown>)
  const answers: [number, string, number][] = [
    [200, 'no JSON', 3],
    [200, '[]', 3],
    [200, '{"entries":7}', 3],
    [500, '{"detail":"broken"}', 3],
    [302, '{}', 2],
    [401, '{"detail":"The key has ended"}', 2],
    [200, '{"entries":[]}', 4],
    [200, JSON.stringify({ entries: [null, {}, { index: 'x' }] }), 4],
    [200, JSON.stringify({ entries: entries.map(({ index, facts }) => ({ index, facts })) }), 2],
    [
      200,
      JSON.stringify({ entries: entries.map((one) => ({ ...one, index: Number(one['index']) + 1 })) }),
      1,
    ],
    [200, JSON.stringify({ entries: entries.map((one) => ({ ...one, facts: 7 })) }), 1],
  ]
  let answer: [number, string, number] = [200, '', 3]
  const server = createServer((request, response) => {
    const file = /^\/log\/(.*)$/.exec(request.url ?? '')?.[1]
    if (file === undefined) response.writeHead(answer[0], { location: '/elsewhere' }).end(answer[1])
    else
      readFile(join(mirror.folder, file)).then(
        (bytes) => response.end(bytes),
        () => response.writeHead(404).end(),
      )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const place = `http://127.0.0.1:${(server.address() as AddressInfo).port}/log`
  try {
    for (answer of answers) {
      const ended = await reach('replay', place, '--reason', 'a look', '--key-file', key)
      expect({ answer, ...ended }).toMatchObject({ code: answer[2], out: '' })
      expect(ended.err).toMatch(/^[^\n]+\n$/)
    }
    expect(await reach('replay', place, '--key-file', key)).toMatchObject({ code: 2, out: '' })
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

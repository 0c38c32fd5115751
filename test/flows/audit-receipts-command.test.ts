/** `reach audit receipts`: what a pod holds against what the log says, one by one. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { receiptOf } from '#core/domain/receipt.ts'
import type { ReceiptSource } from '#core/domain/receipt.ts'
import { writeFact } from '#core/domain/facts.ts'
import type { Fact } from '#core/domain/facts.ts'
import { newSecret, saltOf } from '#core/ledger/leaf.ts'
import { proveEntry } from '#core/ledger/proof.ts'
import {
  about,
  facts,
  grant,
  items,
  json,
  notice,
  reachAudit,
  request,
  start,
  until,
  vendor,
} from '../audit-command.ts'
import { ledgerFolders, openIn } from '../level-ledger.ts'
import { mirrorInto } from '../mirrored-ledger.ts'
import { openedMirror } from '../opened-mirror.ts'
import type { OpenedMirror } from '../opened-mirror.ts'

let home: string
let mirror: OpenedMirror
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'reach-test-receipts-'))
  mirror = await openedMirror(facts)
})
afterAll(async () => {
  await mirror[Symbol.asyncDispose]()
  await rm(home, { recursive: true, force: true })
})

const reach = (...words: string[]) => reachAudit(home, ...words)

const fields = ['profile.name', 'diet.allergies']
const item = { id: 'all', purpose: 'dpv:CustomerCare', fields, why: 'To help you', required: true }
type Allowed = Extract<ReceiptSource['decided'], { readonly status: 'allowed' }>
const receipt = (turn: Partial<Allowed> = {}, of: Partial<ReceiptSource> = {}) =>
  receiptOf({
    receiptId: 'receipt-receipt-rece-1',
    issuedAt: start + 2,
    vaultUrl: 'https://vault.example',
    logOrigin: 'vault.example/log',
    language: 'en',
    noticeHash: notice,
    vendor: { v: 1, vendorId: vendor, name: 'Shop', admittedAt: start },
    request: {
      requestId: request,
      requestHash: 'h'.repeat(43),
      items: [item],
      retention: 'P1Y',
      recipients: [],
    },
    decided: { status: 'allowed', grantId: grant, subject: 's'.repeat(43), until, items: [item], ...turn },
    ...of,
  })
const signed = (content: unknown) => `e30.${Buffer.from(JSON.stringify(content)).toString('base64url')}.x`

test('of terms that were given, changed and given back within a minute, each receipt is held against its own entry', async () => {
  await using folders = await ledgerFolders()
  await using ledger = (await openIn(folders, { now: () => start })).ledger
  const secret = newSecret()
  const narrow = [{ purpose: 'dpv:CustomerCare', fields: ['profile.name'] }]
  const change = (to: typeof items): Fact => ({
    type: 'changed',
    time: start,
    ...about,
    items: to,
    until,
    notice,
  })
  const [, , given] = facts
  if (given?.type !== 'granted') throw new Error('no consent')
  const decided: Fact[] = [{ ...given, time: start }, change(narrow), change(items)]
  const turns = [{}, { items: [{ ...item, fields: ['profile.name'] }] }, {}]
  const receipts = turns.map((turn, i) => signed(receipt(turn, { receiptId: `receipt-receipt-rece-${i}` })))
  for (const [i, fact] of decided.entries())
    await ledger.commit({
      entries: [{ claims: () => ({ ops: writeFact(fact), secret, data: receipts[i] ?? '' }) }],
    })
  const copy = await mirrorInto(await mkdtemp(join(home, 'mirror-')), ledger)
  const folder = await mkdtemp(join(home, 'receipts-'))
  const prove = (name: string, index: number) =>
    proveEntry(ledger.log, {
      index,
      checkpoint: ledger.log.checkpoint(),
      openings: { data: saltOf(secret, 'data', index) },
    }).then((proof) => writeFile(join(folder, `${name}.tlog-proof`), proof))
  for (const [i, jws] of receipts.entries()) {
    await writeFile(join(folder, `${i}.jws`), jws)
    await prove(String(i), i)
  }
  const ended = await reach('receipts', copy, folder)
  expect(ended).toMatchObject({ code: 0, err: '' })
  expect(ended.out).toContain('3 held against their entry')
  // The proof of another one is still the proof of another one.
  await prove('0', 1)
  await prove('2', 0)
  expect((await reach('receipts', copy, folder)).out).toBe(
    '0.jws  its proof is of entry 1, the decision is entry 0\n2.jws  entry 0 commits to another receipt than this\n',
  )
})

test('receipts are held against the log, one by one', async () => {
  const folder = await mkdtemp(join(home, 'receipts-'))
  const put = (name: string, content: unknown) => writeFile(join(folder, name), `${signed(content)}\n`)
  await put('good.jws', receipt())
  expect(await reach('receipts', mirror.folder, folder)).toMatchObject({ code: 0 })
  const wrong: [file: string, receipt: unknown, what: string][] = [
    ['01.jws', receipt({ grantId: 'x'.repeat(22) }), 'the log knows no decision on xxxxxxxxxxxxxxxxxxxxxx'],
    ['02.jws', receipt({}, { noticeHash: 'o'.repeat(43) }), 'the log names another notice than sha-256:ooo'],
    [
      '03.jws',
      receipt({ items: [{ ...item, fields: ['profile.name'] }] }),
      'the log says that other data were given',
    ],
    ['04.jws', receipt({ until: until + 86_400_000 }), 'the log says another end'],
    ['05.jws', receipt({ reads: 7 }), 'the log says another number of reads'],
    [
      '06.jws',
      receipt({}, { vendor: { v: 1, vendorId: 'w'.repeat(22), name: 'Other', admittedAt: 1 } }),
      'the log names another business',
    ],
    ['07.jws', null, 'is no receipt'],
    ['08.jws', { ...receipt(), '@context': {} }, 'is no receipt'],
    ['09.jws', receipt({}, { decided: { status: 'refused' } }), 'the log knows no decision on rrr'],
    ['09b.jws', receipt({}, { issuedAt: start - 86_400_000 }), 'the log says another time: 2026-03-01T00:00'],
  ]
  for (const [file, content] of wrong) await put(file, content)
  await writeFile(join(folder, '10.jws'), 'nonsense')
  await writeFile(join(folder, '11.jws'), 'a'.repeat(300_000))
  await writeFile(join(folder, '12.kantara.json'), '{"version":"KI-CR-v1.1.0"}')
  await promisify(execFile)('mkfifo', [join(folder, '13.jws')])
  const deep = Buffer.from(`${'['.repeat(90_000)}${']'.repeat(90_000)}`).toString('base64url')
  await writeFile(join(folder, '14.jws'), `e30.${deep}.x`)
  const ended = await reach('receipts', mirror.folder, folder, '--json')
  expect(ended.code).toBe(4)
  const { receipts, differences } = json(ended) as {
    receipts: number
    differences: { file: string; what: string }[]
  }
  expect(receipts).toBe(16)
  expect(differences.map(({ file }) => file)).toEqual([
    ...wrong.map(([file]) => file),
    '10.jws',
    '11.jws',
    '12.kantara.json',
    '13.jws',
    '14.jws',
  ])
  for (const [i, [, , what]] of wrong.entries()) expect(differences[i]?.what).toContain(what)
  expect(differences[11]?.what).toBe('is too large for a receipt')
  expect(differences[13]?.what).toBe('is no file')
  for (const words of [
    ['--dialect', 'latin', '--into', folder],
    ['--dialect', 'kantara'],
    ['--into', folder],
    ['--keys', join(folder, 'none.json')],
    ['--keys', join(folder, '10.jws')],
  ])
    expect({ words, ...(await reach('receipts', mirror.folder, folder, ...words)) }).toMatchObject({
      code: 2,
    })
})

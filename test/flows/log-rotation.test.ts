/** The log gets a new key: for a while both sign, everybody who knew the old one goes along, and nobody goes along with a stranger's. */
import { generateKeyPairSync } from 'node:crypto'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { createLogSigner, openCheckpoint } from '#core/ledger/checkpoint.ts'
import { createCosigner } from '#core/ledger/cosignature.ts'
import { writeKeyChange } from '#core/ledger/log-keys.ts'
import { consistencyProof, GrowingTree, leafHash } from '#core/ledger/merkle.ts'
import { NoteInvalid } from '#core/ledger/note.ts'
import { parseBundle, writeBundle } from '#core/ledger/tiles.ts'
import { recordKeyChanges } from '#core/records/log-keys.ts'
import { readWitnessPolicy } from '../../vault-server/audit/witnesses.ts'
import { logOperator } from '../../vault-server/operator/log.ts'
import { witnessHistory } from '../../witness/history.ts'
import { createWitness } from '../../witness/witness.ts'
import { reachRemembering } from '../audit-command.ts'
import { checkLog } from '../check-log.ts'
import { ledgerFolders, openIn } from '../level-ledger.ts'
import { serveLog, type ServedLog } from '../served-log.ts'

const day = 86_400_000
let now = Date.parse('2026-11-22T12:00:00Z')
let log: ServedLog
let home: string
/** Its first and its second verifier key. */
let k1: string
let k2: string

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'reach-rotation-'))
  log = await serveLog({ now: () => now })
  k1 = log.ledger.log.vkey
  await log.growTo(10)
})
afterAll(async () => {
  await log[Symbol.asyncDispose]()
  await rm(home, { recursive: true, force: true })
})

const reach = (...words: string[]) => reachRemembering(home, ...words)
const served = async (file: string) => (await fetch(`${log.url}/${file}`)).text()
const keep = async (name: string, text: string) => {
  await writeFile(join(home, name), text)
  return join(home, name)
}

test('before: everybody knows the one key', async () => {
  expect(await served('vkey')).toBe(`${k1}\n`)
  expect(await served('key-changes')).toBe('')
  expect(await reach('verify', log.url)).toMatchObject({ code: 0 })
  expect(await reach('mirror', log.url, join(home, 'mirror'))).toMatchObject({ code: 0 })
  await keep('early', log.ledger.log.checkpoint())
  await keep('early.tlog-proof', (await reach('prove', log.url, '3')).out)
})

test('while they overlap both sign, and whoever knows either is content', async () => {
  const operator = logOperator({ ledger: log.ledger, keys: log.keys, now: () => now })
  const rotated = await operator.rotateKey(30)
  k2 = rotated.vkey
  expect(rotated).toEqual({ vkey: log.ledger.log.vkey, before: k1, until: now + 30 * day })
  const [entry] = await log.ledger.openings(10, 10)
  expect(readFact(entry?.ops ?? '')).toEqual({
    type: 'log-key-changed',
    time: now,
    logKey: k2,
    until: rotated.until,
  })

  expect(await served('vkey')).toBe(`${k2}\n${k1}\n`)
  const note = await served('checkpoint')
  expect(openCheckpoint(note, k1)).toEqual(openCheckpoint(note, k2))
  // The one that is kept here is the old key.
  const early = join(home, 'early')
  for (const words of [[], ['--vkey', k1], ['--vkey', k2], ['--old', early]])
    expect(await reach('verify', log.url, ...words), words.join(' ')).toMatchObject({ code: 0, err: '' })
  expect(await reach('mirror', log.url, join(home, 'mirror'))).toMatchObject({ code: 0 })
})

test('after the overlap the new one alone signs; what the old one signed still counts', async () => {
  now += 30 * day
  await log.ledger.commit({ entries: [{ claims: () => ({ ops: '{"later":1}' }) }] })
  expect(await served('vkey')).toBe(`${k2}\n`)
  const note = await served('checkpoint')
  expect(() => openCheckpoint(note, k1)).toThrow(NoteInvalid)

  const early = join(home, 'early')
  const mirror = join(home, 'mirror')
  await cp(join(mirror, 'checkpoint'), join(home, 'during'))
  expect(await reach('mirror', log.url, mirror)).toMatchObject({ code: 0 })
  for (const place of [log.url, mirror])
    for (const words of [[], ['--vkey', k1], ['--vkey', k2], ['--old', early]])
      expect(await reach('verify', place, ...words), words.join(' ')).toMatchObject({ code: 0, err: '' })
  // Somebody who was away all the time.
  const away = await mkdtemp(join(home, 'away-'))
  expect(await reachRemembering(away, 'verify', mirror, '--vkey', k1)).toMatchObject({ code: 0 })

  const proof = join(home, 'early.tlog-proof')
  expect(await reach('check', proof, '--vkey', k1)).toMatchObject({ code: 0 })
  expect(await reach('check', proof, '--vkey', k2)).toMatchObject({ code: 1 })
  const [one, both] = [
    await keep('one', `log ${k1}\nquorum none\n`),
    await keep('both', `log ${k1}\nlog ${k2}\nquorum none\n`),
  ]
  expect(await reach('check', proof, '--policy', both)).toMatchObject({ code: 0 })
  expect(await reach('verify', log.url, '--policy', both)).toMatchObject({ code: 0 })
  // A policy says by itself which keys count.
  expect(await reach('verify', log.url, '--policy', one)).toMatchObject({ code: 1 })
  expect((await readWitnessPolicy(both, log.ledger.log)).logs).toEqual([k1, k2])
  await expect(readWitnessPolicy(one, log.ledger.log)).rejects.toThrow('for other logs')
})

test("nobody goes along with a stranger's key, whatever stands beside it", async () => {
  const forged = join(home, 'forged')
  await cp(join(home, 'mirror'), forged, { recursive: true })
  const stranger = createLogSigner(log.ledger.log.origin, generateKeyPairSync('ed25519').privateKey)
  const mirrored = await readFile(join(forged, 'checkpoint'), 'utf8')
  const signed = stranger.sign(openCheckpoint(mirrored, k2))
  await writeFile(join(forged, 'vkey'), `${stranger.vkey}\n`)
  for (const note of [signed, mirrored + signed.split('\n\n')[1]]) {
    await writeFile(join(forged, 'checkpoint'), note)
    expect(await reach('verify', forged)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^FAILED {2}vkey: [^\n]* had another key/),
    })
  }
  const changes = await readFile(join(forged, 'key-changes'), 'utf8')
  await writeFile(join(forged, 'key-changes'), changes.replace(k2, stranger.vkey))
  expect(await reach('verify', forged)).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringMatching(/^FAILED {2}key-changes: [^\n]* not signed by both keys\n$/),
  })
})

test('who has gone on to the new key follows no thief of the old one, whatever is served beside it', async () => {
  const { origin } = log.ledger.log
  const [stolen] = log.keys.logKeys
  if (stolen === undefined) throw new Error('there is no old key')
  const thief = createLogSigner(origin, stolen.key)
  const own = generateKeyPairSync('ed25519').privateKey
  const mirror = join(home, 'mirror')
  const entries = parseBundle(await readFile(join(mirror, 'tile/entries/000.p/12'))) ?? []
  const changes = await readFile(join(mirror, 'key-changes'), 'utf8')
  const itsOwn = writeKeyChange({ origin, from: stolen.key, to: own, until: now })
  // One goes on where the log is, the other one from before the change.
  for (const [kept, added] of [
    [12, 1],
    [10, 5],
  ] as const) {
    const tree = new GrowingTree()
    const forged = [...entries.slice(0, kept), ...Array.from({ length: added }, (_, i) => Buffer.of(1, i))]
    for (const entry of forged) tree.push(leafHash(entry), () => undefined)
    const { size } = tree
    const place = join(home, `stolen-${kept}`)
    const files = {
      [`tile/entries/000.p/${size}`]: writeBundle(forged),
      [`tile/0/000.p/${size}`]: Buffer.concat(tree.open[0] ?? []),
    }
    for (const [file, bytes] of Object.entries(files)) {
      await mkdir(dirname(join(place, file)), { recursive: true })
      await writeFile(join(place, file), bytes)
    }
    for (const [signer, served] of [
      [thief, changes],
      [thief, ''],
      [createLogSigner(origin, own), itsOwn],
      [createLogSigner(origin, own), changes + itsOwn],
    ] as const) {
      await writeFile(join(place, 'vkey'), `${signer.vkey}\n`)
      await writeFile(join(place, 'key-changes'), served)
      await writeFile(join(place, 'checkpoint'), signer.sign({ size, root: tree.root() }))
      // Forged well: somebody who was never here is fooled.
      if (served !== changes + itsOwn)
        expect(await reach('verify', place, '--forget'), served).toMatchObject({ code: 0 })
      for (const words of [[], ['--vkey', k1]])
        expect(await reach('verify', place, ...words), `${words.join(' ')} ${served}`).toMatchObject({
          code: 1,
        })
    }
  }
  expect(await reach('verify', log.url, '--vkey', k1)).toMatchObject({ code: 0 })
})

test('a witness that knows both keys goes on; one that knows the old one, until the overlap ends', async () => {
  const witnessOf = (name: string, logs: string[]) =>
    createWitness({
      logs,
      cosigner: createCosigner(name, generateKeyPairSync('ed25519').privateKey),
      history: witnessHistory(join(home, name)),
      now: () => now,
    })
  const [both, old] = [witnessOf('w.test-both', [k1, k2]), witnessOf('w.test-old', [k1])]
  const early = await readFile(join(home, 'early'), 'utf8')
  const during = await readFile(join(home, 'during'), 'utf8')
  const after = log.ledger.log.checkpoint()
  for (const witness of [both, old])
    for (const note of [early, during]) {
      const { body } = await witness.add(`old 0\n\n${note}`)
      const answer = body === '10\n' ? await witness.add(await step(10, note)) : { status: 200 }
      expect(answer.status).toBe(200)
    }
  expect((await both.add(await step(11, after))).status).toBe(200)
  expect((await old.add(await step(11, after))).status).toBe(403)
  // The old key alone, from here on: somebody stole it.
  const [stolen] = log.keys.logKeys
  if (stolen === undefined) throw new Error('there is no old key')
  const same = createLogSigner(log.ledger.log.origin, stolen.key).sign(openCheckpoint(after, k2))
  expect(await both.add(`old 12\n\n${same}`)).toMatchObject({ status: 403 })
})

async function step(from: number, note: string): Promise<string> {
  const size = Number(note.split('\n')[1])
  const proof = await consistencyProof(from, size, (level, index, width) =>
    log.ledger.log.tile(level, index, width),
  )
  return `old ${from}\n${proof.map((hash) => `${Buffer.from(hash).toString('base64')}\n`).join('')}\n${note}`
}

test('a crash between the key and its entry: both sign at the next start, and the entry comes once', async () => {
  await using folders = await ledgerFolders()
  {
    const { ledger, keys } = await openIn(folders, { now: () => now })
    await using _ = ledger
    await ledger.commit({ entries: [{ claims: () => ({ ops: '{}' }) }] })
    await keys.rotateLogKey({ origin: ledger.log.origin, until: now + day })
  }
  for (const _start of ['first', 'second']) {
    await using ledger = (await openIn(folders, { now: () => now })).ledger
    await recordKeyChanges(ledger)
    expect((await checkLog(ledger.log)).checkpoint.size).toBe(2)
    expect(ledger.log.keyChanges).toHaveLength(1)
  }
})

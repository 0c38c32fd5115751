/**
 * Promise 2, its proof: the reply is on record (a ledger that cannot record stands in decision.test.ts). Promise 7: nobody
 * needs to trust us. Of promise 8, that the log survives the loss of a customer's key; forgetting a customer is not there
 * yet.
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { compactVerify, createLocalJWKSet } from 'jose'
import type { JSONWebKeySet } from 'jose'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { openKeyStore } from '#core/ledger/key-store.ts'
import { openLevelLedger } from '#core/ledger/level-ledger.ts'
import { grantHistory } from '#core/records/histories.ts'
import type { Disclosure } from '#schemas/types.gen.ts'
import { checkEverything } from '../../check-everything.ts'
import {
  auditPath,
  commitsTo,
  entriesOf,
  fileName,
  hashLeaf,
  isIncluded,
  openNote,
  readProof,
  treeHash,
} from '../../independent-log.ts'
import { loggedFacts } from '../../logged-facts.ts'
import { programEnvironment } from '../../program-environment.ts'
import { Story } from '../../story.ts'
import type { Customer, Relation } from '../../story.ts'

const run = promisify(execFile)

let story: Story
let alma: Customer
let relation: Relation
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reach-proof-'))
  story = await Story.open()
  alma = await story.customer()
  relation = await story.allow(alma, await story.shop())
  await story.world.settle()
})
afterEach(() => checkEverything(story))
afterAll(async () => {
  await story[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const prefix = () => `${story.world.config.vaultUrl}/log`
const publicFile = async (path: string) =>
  Buffer.from(await (await fetch(`${prefix()}/${path}`)).arrayBuffer())
const publicText = async (path: string) => (await publicFile(path)).toString()

async function publicEntries(size: number): Promise<Buffer[]> {
  const entries: Buffer[] = []
  for (let index = 0; index * 256 < size; index++) {
    const width = Math.min(256, size - index * 256)
    entries.push(...entriesOf(await publicFile(fileName('entries', index, width))))
  }
  return entries
}

const both = ['profile.name', 'profile.ageOver18']

test('a reply proves by itself, and by the public log, that it is on record', async () => {
  const { text } = await story.read(relation, { fields: both })
  const reply = JSON.parse(text) as Disclosure
  const { index, checkpoint, salts, origin } = reply.log
  const vkey = await publicText('vkey')
  const head = openNote(checkpoint, vkey)
  expect(head.origin).toBe(origin)
  expect(`http://${origin}`).toBe(prefix())

  const leaves = (await publicEntries(head.size)).map(hashLeaf)
  expect(treeHash(leaves)).toEqual(head.root)
  const entry = (await publicEntries(head.size))[index] ?? Buffer.alloc(0)
  expect(isIncluded(hashLeaf(entry), index, auditPath(index, leaves), head)).toBe(true)

  // The exact text between `"data":` and `,"log":`, as it came.
  const data = text.slice(text.indexOf('"data":') + 7, text.indexOf(',"log":'))
  expect(JSON.parse(data)).toEqual(reply.data)
  expect(commitsTo(entry, 'data', salts.data, data)).toBe(true)
  expect(commitsTo(entry, 'subject', salts.subject, relation.subject)).toBe(true)
  expect(commitsTo(entry, 'data', salts.data, data.replace('Zerlina', 'Zerlino'))).toBe(false)
  expect(commitsTo(entry, 'subject', salts.data, relation.subject)).toBe(false)
  const [fact] = await grantHistory(story.world.reach.ledger, relation.grantId, { limit: 1 })
  expect(fact).toMatchObject({ index })
  expect(readFact(fact?.ops ?? '')).toMatchObject({ type: 'disclosed', fields: ['profile.name'] })
})

test('a receipt verifies offline: its signature, and that the decision is in the log', async () => {
  const { receiptId } = relation
  const app = await story.appOf(alma)
  const inPod = async (name: string) => (await app(`${alma.container}receipts/${receiptId}.${name}`)).text()
  const [jws, proofFile, vkey, keys] = [
    await inPod('jws'),
    await inPod('tlog-proof'),
    await publicText('vkey'),
    (await story.browser().get('/api/receipts/keys')).body as JSONWebKeySet,
  ]

  // From here on nothing is asked of anybody.
  const { payload } = await compactVerify(jws, createLocalJWKSet(keys))
  expect(JSON.parse(new TextDecoder().decode(payload))).toEqual(relation.result.receipt?.payload)
  const { extra, index, path, checkpoint } = readProof(proofFile)
  const { entry, openings } = JSON.parse(String(extra)) as { entry: string; openings: { data: string } }
  const leaf = Buffer.from(entry, 'base64')
  expect(isIncluded(hashLeaf(leaf), index, path, openNote(checkpoint, vkey))).toBe(true)
  expect(commitsTo(leaf, 'data', openings.data, jws)).toBe(true)

  const [header, , signature] = jws.split('.')
  const longer = Buffer.from(payload)
    .toString()
    .replace(/"20(\d\d)-/, '"21$1-')
  const forged = [header, Buffer.from(longer).toString('base64url'), signature].join('.')
  await expect(compactVerify(forged, createLocalJWKSet(keys))).rejects.toThrow()
  expect(commitsTo(leaf, 'data', openings.data, forged)).toBe(false)
  expect(isIncluded(hashLeaf(leaf), index + 1, path, openNote(checkpoint, vkey))).toBe(false)
  // The same proof is there for her at the vault, with whatever checkpoint is the newest then.
  const fresh = readProof(String((await alma.browser.get(`/api/receipts/${receiptId}/proof`)).body))
  expect(fresh.index).toBe(index)
  expect(isIncluded(hashLeaf(leaf), index, fresh.path, openNote(fresh.checkpoint, vkey))).toBe(true)
})

/** The command as an auditor runs it, with what it keeps from one run to the next in `state`. */
async function reach(words: readonly string[], state: string): Promise<{ code: number; output: string }> {
  const program = join(import.meta.dirname, '../../../cli/main.ts')
  const options = { env: { ...programEnvironment, REACH_STATE: join(folder, state) } }
  try {
    const { stdout } = await run(process.execPath, [program, 'audit', ...words], options)
    return { code: 0, output: stdout }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, output: stdout + stderr }
  }
}

async function filesIn(place: string): Promise<string[]> {
  const found = await readdir(place, { recursive: true, withFileTypes: true })
  return found
    .filter((one) => one.isFile())
    .map(({ parentPath, name }) => relative(place, join(parentPath, name)))
    .toSorted()
}

test('the audit command accepts the log and its copy, and no copy with one changed byte', async () => {
  const grown = 256 - openNote(await publicText('checkpoint'), await publicText('vkey')).size + 3
  for (let left = grown; left > 0; left -= 16)
    await Promise.all(Array.from({ length: Math.min(16, left) }, () => story.read(relation)))
  const { size } = openNote(await publicText('checkpoint'), await publicText('vkey'))
  expect(size).toBe(259)
  expect(await reach(['verify', prefix()], 'auditor')).toMatchObject({ code: 0 })
  const mirror = join(folder, 'mirror')
  expect(await reach(['mirror', prefix(), mirror], 'auditor')).toMatchObject({ code: 0 })
  expect(await reach(['verify', mirror], 'auditor')).toMatchObject({ code: 0 })
  const files = await filesIn(mirror)
  expect(files).toEqual(
    ['checkpoint', 'key-changes', 'vkey', fileName(0, 0, 256), fileName(0, 1, 3), fileName(1, 0, 1)]
      .concat([fileName('entries', 0, 256), fileName('entries', 1, 3)])
      .toSorted(),
  )
  // The log never had another key: of that there is no byte to change.
  const written = files.filter((file) => file !== 'key-changes')
  const outcomes = await inPairs(written, async (file) => {
    const copy = join(folder, `changed-${files.indexOf(file)}`)
    await cp(mirror, copy, { recursive: true })
    const bytes = await readFile(join(copy, file))
    const at = Math.floor(bytes.length / 2)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    await writeFile(join(copy, file), bytes)
    return { file, ...(await reach(['verify', copy, '--forget'], 'stranger')) }
  })
  for (const { file, code, output } of outcomes)
    expect({ file, code, output }).toMatchObject({ file, code: 1 })
})

/** Two at a time. */
async function inPairs<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>) {
  const results: Result[] = []
  for (let at = 0; at < items.length; at += 2)
    results.push(...(await Promise.all(items.slice(at, at + 2).map(work))))
  return results
}

test('a log that was rewound or rewritten, and signed again, is caught by whoever looked before', async () => {
  const before = join(folder, 'before')
  expect(await reach(['mirror', prefix(), before], 'watcher')).toMatchObject({ code: 0 })
  await story.read(relation)
  expect(await reach(['verify', prefix()], 'watcher')).toMatchObject({ code: 0 })
  const rewound = await reach(['verify', before], 'watcher')
  expect(rewound).toMatchObject({ code: 1 })
  expect(rewound.output).toMatch(/smaller than/)

  // The operator, with the log's own key, makes one disclosure another one.
  const forked = join(folder, 'forked')
  await writeFork(forked)
  const strangers = await reach(['verify', forked], 'newcomer')
  expect(strangers).toMatchObject({ code: 0 }) // perfectly valid to somebody who has seen nothing
  const caught = await reach(['verify', forked], 'watcher')
  expect(caught).toMatchObject({ code: 1 })
  expect(caught.output).toMatch(/another root/)
  // The business has its reply's checkpoint.
  const note = join(folder, 'of-a-reply')
  await writeFile(note, (JSON.parse((await story.read(relation)).text) as Disclosure).log.checkpoint)
  const business = await reach(['verify', forked, '--old', note, '--forget'], 'business')
  expect(business).toMatchObject({ code: 1 })
})

/** The log as it is with one entry changed and everything else made to fit, one entry longer than what was seen. */
async function writeFork(place: string): Promise<void> {
  const { log } = story.world.reach.ledger
  const { size } = openNote(await publicText('checkpoint'), log.vkey)
  const entries = await publicEntries(size)
  const victim = entries[10] ?? Buffer.alloc(0)
  victim[40] = (victim[40] ?? 0) ^ 1
  entries.push(Buffer.concat([Buffer.of(1), Buffer.alloc(128, 7)]))
  const leaves = entries.map(hashLeaf)
  const write = async (path: string, content: Uint8Array | string) => {
    await mkdir(dirname(join(place, path)), { recursive: true })
    await writeFile(join(place, path), content)
  }
  for (let index = 0; index * 256 < entries.length; index++) {
    const part = entries.slice(index * 256, (index + 1) * 256)
    const wire = part.map((entry) => Buffer.concat([Buffer.of(0, entry.length), entry]))
    await write(fileName('entries', index, part.length), Buffer.concat(wire))
    await write(fileName(0, index, part.length), Buffer.concat(part.map(hashLeaf)))
  }
  await write(fileName(1, 0, 1), treeHash(leaves.slice(0, 256)))
  const signer = createLogSigner(log.origin, story.world.reach.keys.logKey)
  await write('vkey', `${log.vkey}\n`)
  await write('checkpoint', signer.sign({ size: entries.length, root: treeHash(leaves) }))
}

test("without a customer's key the log still verifies and its policy facts still open, and the person is gone", async () => {
  const { dataFolder, keysFolder } = story.world.config
  const [data, keyFolder] = [join(folder, 'data'), join(folder, 'keys')]
  await cp(join(dataFolder, 'ledger'), data, { recursive: true })
  await cp(keysFolder, keyFolder, { recursive: true })
  const before = await loggedFacts(story.world.reach.ledger)
  const keys = await openKeyStore(keyFolder)
  await keys.destroyCustomerKey(alma.accountId)
  await using ledger = await openLevelLedger({
    folder: data,
    keys,
    anchorFile: join(keyFolder, 'anchor'),
    origin: story.world.reach.ledger.log.origin,
    now: Date.now,
  })
  expect(ledger.log.checkpoint()).toBe(await publicText('checkpoint'))
  // Verifies the whole tree on its way.
  expect(await loggedFacts(ledger)).toEqual(before)
  // The grant holds the secret from which alone the salts of subject, who and data derive.
  for (const key of [
    `grant/${relation.grantId}`,
    `account/${alma.accountId}`,
    `receipt/${relation.receiptId}`,
  ]) {
    expect(await story.world.reach.ledger.get(key)).toBeDefined()
    expect(await ledger.get(key)).toBeUndefined()
  }
})

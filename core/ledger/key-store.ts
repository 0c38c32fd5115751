/**
 * The keys of one ledger and of what runs on it, in a folder apart from the database and its backups: a backup of
 * sealed values dies with its key. Every key is durable before anything may be sealed under it.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openCustomerKeys, type CustomerKeys } from './customer-keys.ts'
import {
  KeysDamaged,
  createDocument,
  documentAt,
  keyOf,
  makePrivateFolder,
  numberOf,
  readDocument,
  textOf,
} from './key-files.ts'
import type { Json } from './ledger.ts'
import type { OpsKey } from './leaf.ts'
import { writeKeyChange, type LogKeys } from './log-keys.ts'
import { openMadeKeys } from './made-keys.ts'

/** `data` seals state values; `ops` seals and salts the policy facts of log entries, a key per period. */
export type Ring = 'data' | 'ops'
type RingKey = OpsKey

/** Where the ledger stands: group time in Unix ms, and how much was ever sealed under keys of the rings. */
export interface Progress {
  readonly time: number
  readonly seals: number
}

export interface KeyStore extends CustomerKeys, LogKeys {
  /** Newest Ed25519 private key that signs checkpoints. */
  readonly logKey: KeyObject
  /**
   * Makes the next key of the log, which signs from now on. The one before signs beside it until `until` (Unix ms). Resolves to the
   * note of the change once it is durable.
   */
  rotateLogKey(change: { origin: string; until: number }): Promise<string>
  /** Learns of keys of the log that other processes made in the same folder. */
  readNewLogKeys(): void
  /** The key a ring seals with now. `renew` must have been awaited once. */
  current(ring: Ring): RingKey
  /** Any key of a ring, past periods included. Throws `KeysDamaged` when it is not there. */
  named(ring: Ring, name: string): RingKey
  /** Whether a period is over or a key has sealed enough, so that `renew` must be awaited before going on. */
  isDue(progress: Progress): boolean
  renew(progress: Progress): Promise<void>
  /** Random bytes of that name, made once. */
  secret(name: string, bytes?: number): Promise<Buffer>
  /** The document of that name, if it was made. */
  storedDocument(name: string): Json | undefined
  /** A JSON document of that name (such as a generated JWK), made once. */
  document<Content extends Json>(name: string, create: () => Promise<Content> | Content): Promise<Content>
}

const MONTH = 31 * 24 * 3600 * 1000
const MAX_SEALS = 2 ** 30
/** Of group time: how soon a key that another process made is used here. */
const LOOK_MS = 10_000

/** Throws `KeysDamaged` for a folder in which no keys were ever made: for whoever would make others for a ledger that has its own. */
export function demandKeys(folder: string): void {
  if (['log.json', 'made'].some((name) => existsSync(join(folder, name)))) return
  throw new KeysDamaged(
    'there are no keys, and the ledger was begun: look at REACH_KEYS, or restore the backup of the keys',
  )
}

/**
 * Opens the key store, or creates it with a new log key. `period` (ms) is how long a sealing key is used; `maxSeals`
 * how often, so that random nonces stay unlikely to meet.
 */
export async function openKeyStore(
  folder: string,
  { period = MONTH, maxSeals = MAX_SEALS }: { period?: number; maxSeals?: number } = {},
): Promise<KeyStore> {
  for (const part of ['', 'data', 'ops', 'secrets', 'documents']) await makePrivateFolder(join(folder, part))
  const made = await openMadeKeys(folder)
  /** What there is under that name, which is made when it never was. */
  async function onceMade(name: string, create: () => Promise<Json> | Json): Promise<Json> {
    made.refuseLost(name)
    const content = await documentAt(join(folder, name), create)
    await made.add(name)
    return content
  }
  const logName = (number: number): string => (number === 1 ? 'log.json' : `log-${number}.json`)
  const logFile = (number: number): string => join(folder, logName(number))
  const log: [StoredLogKey, ...StoredLogKey[]] = [
    { key: decodeLogKey(await onceMade(logName(1), newLogKey)) },
  ]
  /** Others may have made the next one. */
  function readNewLogKeys(): void {
    for (let next = readLogKey(logFile(log.length + 1)); next; next = readLogKey(logFile(log.length + 1)))
      log.push(next)
  }
  readNewLogKeys()
  let looked = 0
  const rings = { data: await readRing(join(folder, 'data')), ops: await readRing(join(folder, 'ops')) }
  /** Another process of the same ledger may have begun a period; names count up, so those before it come first. */
  function madeElsewhere(ring: Ring, name: string): StoredKey | undefined {
    while (rings[ring].at(-1)?.name !== name) {
      const next = `${ring[0]}${rings[ring].length + 1}`
      const content = readDocument(join(folder, ring, `${next}.json`))
      if (content === undefined) return undefined
      rings[ring].push(parseRingKey(content, next))
    }
    return rings[ring].at(-1)
  }
  const isKeyDue = (key: StoredKey | undefined, { time, seals }: Progress): boolean =>
    !key || time >= key.created + period || seals >= key.seals + maxSeals

  const newest = (): StoredLogKey => log.at(-1) ?? log[0]
  const customerKeys = await openCustomerKeys(folder)
  return {
    ...customerKeys,
    get logKey() {
      return newest().key
    },
    get logKeys() {
      return log.map(({ key }, i) => ({ key, until: log[i + 1]?.change?.until }))
    },
    get keyChanges() {
      return log.flatMap(({ change }) => (change === undefined ? [] : [change.note]))
    },
    readNewLogKeys,
    async rotateLogKey({ origin, until }) {
      readNewLogKeys()
      const { privateKey } = generateKeyPairSync('ed25519')
      const note = writeKeyChange({ origin, from: newest().key, to: privateKey, until })
      const name = logName(log.length + 1)
      if (!(await createDocument(join(folder, name), { v: 1, key: encodeLogKey(privateKey), until, note })))
        throw new KeysDamaged('another process has just changed the key of the log')
      await made.add(name)
      readNewLogKeys()
      return note
    },
    current(ring) {
      const key = rings[ring].at(-1)
      if (!key) throw new KeysDamaged('the key store has no sealing key yet')
      return key
    },
    named(ring, name) {
      const key = rings[ring].find((one) => one.name === name) ?? madeElsewhere(ring, name)
      if (!key) throw new KeysDamaged('the key store lacks a sealing key')
      return key
    },
    isDue: (progress) =>
      progress.time >= looked + LOOK_MS ||
      isKeyDue(rings.data.at(-1), progress) ||
      isKeyDue(rings.ops.at(-1), progress),
    async renew(progress) {
      looked = progress.time
      for (const ring of ['data', 'ops'] as const) {
        if (!isKeyDue(rings[ring].at(-1), progress)) continue
        const name = `${ring[0]}${rings[ring].length + 1}`
        const key = randomBytes(32).toString('base64url')
        const secret = randomBytes(32).toString('base64url')
        const begun = { v: 1, name, created: progress.time, seals: progress.seals, key, secret }
        rings[ring].push(parseRingKey(await onceMade(`${ring}/${name}.json`, () => begun), name))
      }
    },
    async secret(name, bytes = 32) {
      const content = await onceMade(`secrets/${checkName(name)}.json`, () => ({
        v: 1,
        secret: randomBytes(bytes).toString('base64url'),
      }))
      const secret = Buffer.from(textOf(content, 'secret'), 'base64url')
      if (secret.length !== bytes) throw new KeysDamaged('a secret has another length')
      return secret
    },
    storedDocument: (name) => readDocument(join(folder, 'documents', `${checkName(name)}.json`)),
    async document<Content extends Json>(name: string, create: () => Promise<Content> | Content) {
      return (await onceMade(`documents/${checkName(name)}.json`, create)) as Content
    },
  }
}

interface StoredKey extends RingKey {
  readonly created: number
  readonly seals: number
}

/** Keys of a ring in the order they were made. */
async function readRing(folder: string): Promise<StoredKey[]> {
  const names = (await readdir(folder)).filter((name) => /^[a-z]\d+\.json$/.test(name))
  const keys: StoredKey[] = []
  for (const name of names
    .map((file) => file.slice(0, -5))
    .toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1))))
    keys.push(parseRingKey(readDocument(join(folder, `${name}.json`)), name))
  if (keys.some((key, i) => key.name.slice(1) !== String(i + 1)))
    throw new KeysDamaged('a sealing key is missing')
  return keys
}

function parseRingKey(content: Json | undefined, name: string): StoredKey {
  if (textOf(content, 'name') !== name) throw new KeysDamaged('a sealing key has another name than its file')
  return {
    name,
    key: keyOf(content),
    secret: textOf(content, 'secret'),
    created: numberOf(content, 'created'),
    seals: numberOf(content, 'seals'),
  }
}

interface StoredLogKey {
  readonly key: KeyObject
  /** From the key before; undefined for the first. */
  readonly change?: { readonly until: number; readonly note: string }
}

const encodeLogKey = (key: KeyObject): string =>
  key.export({ format: 'der', type: 'pkcs8' }).toString('base64url')

function decodeLogKey(content: Json): KeyObject {
  const key = Buffer.from(textOf(content, 'key'), 'base64url')
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
}

const newLogKey = (): Json => ({ v: 1, key: encodeLogKey(generateKeyPairSync('ed25519').privateKey) })

function readLogKey(path: string): StoredLogKey | undefined {
  const content = readDocument(path)
  if (content === undefined) return undefined
  return {
    key: decodeLogKey(content),
    change: { until: numberOf(content, 'until'), note: textOf(content, 'note') },
  }
}

function checkName(name: string): string {
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(name)) throw new TypeError('a name in the key store is kebab-case')
  return name
}

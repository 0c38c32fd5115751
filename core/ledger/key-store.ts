/**
 * The keys of one ledger and of what runs on it, in a folder apart from the database and its backups: a backup of
 * sealed values dies with its key. Every key is durable before anything may be sealed under it.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
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

/** `data` seals state values; `ops` seals and salts the policy facts of log entries, a key per period. */
export type Ring = 'data' | 'ops'
type RingKey = OpsKey

/** Where the ledger stands: group time in Unix ms, and how much was ever sealed under keys of the rings. */
export interface Progress {
  readonly time: number
  readonly seals: number
}

export interface KeyStore extends CustomerKeys {
  /** Ed25519 private key that signs checkpoints. */
  readonly logKey: KeyObject
  /** The key a ring seals with now. `renew` must have been awaited once. */
  current(ring: Ring): RingKey
  /** Any key of a ring, past periods included. Throws `KeysDamaged` when it is not there. */
  named(ring: Ring, name: string): RingKey
  /** Whether a period is over or a key has sealed enough, so that `renew` must be awaited before going on. */
  isDue(progress: Progress): boolean
  renew(progress: Progress): Promise<void>
  /** Random bytes of that name, made once. */
  secret(name: string, bytes?: number): Promise<Buffer>
  /** A JSON document of that name (such as a generated JWK), made once. */
  document<Content extends Json>(name: string, create: () => Promise<Content> | Content): Promise<Content>
}

const MONTH = 31 * 24 * 3600 * 1000
const MAX_SEALS = 2 ** 30

/**
 * Opens the key store, or creates it with a new log key. `period` (ms) is how long a sealing key is used; `maxSeals`
 * how often, so that random nonces stay unlikely to meet.
 */
export async function openKeyStore(
  folder: string,
  { period = MONTH, maxSeals = MAX_SEALS }: { period?: number; maxSeals?: number } = {},
): Promise<KeyStore> {
  for (const part of ['', 'data', 'ops', 'secrets', 'documents']) await makePrivateFolder(join(folder, part))
  const logKey = await readLogKey(join(folder, 'log.json'))
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

  return {
    ...(await openCustomerKeys(folder)),
    logKey,
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
    isDue: (progress) => isKeyDue(rings.data.at(-1), progress) || isKeyDue(rings.ops.at(-1), progress),
    async renew(progress) {
      for (const ring of ['data', 'ops'] as const) {
        if (!isKeyDue(rings[ring].at(-1), progress)) continue
        const name = `${ring[0]}${rings[ring].length + 1}`
        const key = randomBytes(32).toString('base64url')
        const secret = randomBytes(32).toString('base64url')
        const path = join(folder, ring, `${name}.json`)
        await createDocument(path, { v: 1, name, created: progress.time, seals: progress.seals, key, secret })
        rings[ring].push(parseRingKey(readDocument(path), name))
      }
    },
    async secret(name, bytes = 32) {
      const path = join(folder, 'secrets', `${checkName(name)}.json`)
      const made = await documentAt(path, () => ({ v: 1, secret: randomBytes(bytes).toString('base64url') }))
      const secret = Buffer.from(textOf(made, 'secret'), 'base64url')
      if (secret.length !== bytes) throw new KeysDamaged('a secret has another length')
      return secret
    },
    async document<Content extends Json>(name: string, create: () => Promise<Content> | Content) {
      return (await documentAt(join(folder, 'documents', `${checkName(name)}.json`), create)) as Content
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

async function readLogKey(path: string): Promise<KeyObject> {
  const made = await documentAt(path, () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    return { v: 1, key: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url') }
  })
  return createPrivateKey({
    key: Buffer.from(textOf(made, 'key'), 'base64url'),
    format: 'der',
    type: 'pkcs8',
  })
}

function checkName(name: string): string {
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(name)) throw new TypeError('a name in the key store is kebab-case')
  return name
}

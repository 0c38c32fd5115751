/**
 * A log entry: one version byte and four salted digests, 129 bytes whatever happened and to whom. Nothing in it can
 * be read, so entry bundles are public. What opens a digest lies elsewhere: the claims of `ops` in a box per group,
 * the secret of a grant in its record under the customer's key.
 */
import { createCipheriv, createDecipheriv, hash, randomBytes, type KeyObject } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Claims, Salts } from './ledger.ts'
import { newNonce } from './sealing.ts'

export const SLOTS = ['ops', 'subject', 'who', 'data'] as const
export type Slot = (typeof SLOTS)[number]

export const LEAF_BYTES = 129
const VERSION = 1
const SALT_CHARACTERS = 22

/** 32 random bytes in base64url, from which salts derive. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

const COLON = 0x3a

/**
 * SHA-256 of the UTF-8 of three parts with colons between them. Joined in a buffer that stays: strings joined for it were a fifth of
 * what a record leaves to be collected. The first part, which comes again and again, is written once.
 */
class JoinedHash {
  readonly #input = Buffer.allocUnsafeSlow(4096)
  /** The first so many bytes of it. */
  readonly #inputs: Buffer[] = []
  #first = ''
  #firstBytes = 1

  constructor() {
    this.#input[0] = COLON
  }

  of(first: string, second: string, third: string, encoding: 'base64url' | 'binary'): string {
    const atMost = 3 * (first.length + second.length + third.length) + 2
    if (atMost > this.#input.length) return hash('sha256', `${first}:${second}:${third}`, encoding)
    if (first !== this.#first) this.#begin(first)
    let length = this.#firstBytes
    length += this.#input.write(second, length)
    this.#input[length++] = COLON
    length += this.#input.write(third, length)
    return hash('sha256', (this.#inputs[length] ??= this.#input.subarray(0, length)), encoding)
  }

  #begin(first: string): void {
    this.#first = first
    this.#firstBytes = this.#input.write(first)
    this.#input[this.#firstBytes++] = COLON
  }
}

/** One for each first part that comes again: the secret of an entry, that of the operator, the slots. */
const personalSalts = new JoinedHash()
const opsSalts = new JoinedHash()
const digests: Readonly<Record<Slot, JoinedHash>> = {
  ops: new JoinedHash(),
  subject: new JoinedHash(),
  who: new JoinedHash(),
  data: new JoinedHash(),
}

/** 132 bits. Cut, so that no longer input can be computed from it; one salt tells nothing about another. */
export function saltOf(secret: string, slot: Slot, index: number): string {
  const salts = slot === 'ops' ? opsSalts : personalSalts
  return salts.of(secret, slot, String(index), 'base64url').slice(0, SALT_CHARACTERS)
}

// The slot's name keeps digests apart, the fixed length of the salt keeps salt and value apart.
function digest(slot: Slot, salt: string, value: string): string {
  return digests[slot].of(slot, salt, value, 'binary')
}

/**
 * Builds the entry at `index`. Throws `TypeError` for claims that break their promise: `ops` on several lines, or a
 * personal value without a secret of its own (the operator's would open it for ever, erasure or not).
 */
export function buildLeaf(index: number, claims: Claims, opsSecret: string): { leaf: Buffer; salts: Salts } {
  const { ops, subject = '', who = '', data = '', secret } = claims
  if (ops.includes('\n')) throw new TypeError('ops must be one line')
  if (secret === undefined && (subject !== '' || who !== '' || data !== ''))
    throw new TypeError('subject, who and data need a secret')
  if (secret !== undefined && !/^[\w-]{43}$/.test(secret))
    throw new TypeError('a secret is 32 bytes in base64url')
  const personal = secret ?? opsSecret
  const salts = { subject: saltOf(personal, 'subject', index), data: saltOf(personal, 'data', index) }
  const leaf = Buffer.allocUnsafe(LEAF_BYTES)
  leaf[0] = VERSION
  leaf.write(digest('ops', saltOf(opsSecret, 'ops', index), ops), 1, 'latin1')
  leaf.write(digest('subject', salts.subject, subject), 33, 'latin1')
  leaf.write(digest('who', saltOf(personal, 'who', index), who), 65, 'latin1')
  leaf.write(digest('data', salts.data, data), 97, 'latin1')
  return { leaf, salts }
}

/** Whether the entry commits to this value in exactly this slot. Never throws on hostile input. */
export function opens(leaf: Uint8Array, slot: Slot, salt: string, value: string): boolean {
  const place = SLOTS.indexOf(slot)
  if (leaf.length !== LEAF_BYTES || leaf[0] !== VERSION || place < 0 || salt.length !== SALT_CHARACTERS)
    return false
  const at = 1 + 32 * place
  return Buffer.from(leaf.subarray(at, at + 32)).toString('latin1') === digest(slot, salt, value)
}

/** The operator's key of a period: seals the `ops` claims of a group and salts their digests. */
export interface OpsKey {
  readonly name: string
  readonly key: KeyObject
  readonly secret: string
}

/** Versions of a box: its lines as they are, and deflated. */
const PLAIN = 1
const DEFLATED = 2
/**
 * From so many characters on, some hundred entries, lines are deflated: they are much alike, and a fifth as large then. For fewer it costs more than
 * it spares the database.
 */
const WORTH_DEFLATING = 32_768

/** That its lines are deflated is sealed as well: nothing else is ever inflated. */
const boxScope = (origin: string, first: number, isDeflated: boolean): Buffer =>
  Buffer.from(`${origin} ops ${first}${isDeflated ? ' deflated' : ''}`)

/**
 * Seals the claims of one group in the order of its entries, the first of which stands at `first`. The nonce is
 * random, never the index: a group that was sealed but lost in a crash leaves its index to another one.
 */
export function sealOps(key: OpsKey, origin: string, first: number, ops: readonly string[]): Buffer {
  const lines = ops.join('\n')
  const isLong = lines.length >= WORTH_DEFLATING
  const nonce = newNonce()
  const cipher = createCipheriv('aes-256-gcm', key.key, nonce).setAAD(boxScope(origin, first, isLong))
  const name = Buffer.from(key.name, 'latin1')
  const sealed = cipher.update(isLong ? deflateRawSync(lines, { level: 1 }) : Buffer.from(lines))
  return Buffer.concat([
    Buffer.of(isLong ? DEFLATED : PLAIN, name.length),
    name,
    nonce,
    sealed,
    cipher.final(),
    cipher.getAuthTag(),
  ])
}

/** Name of the key that opens a box; undefined when it is no box. */
export function opsKeyName(box: Buffer): string | undefined {
  if (box[0] !== PLAIN && box[0] !== DEFLATED) return undefined
  if (box.length < 2 + (box[1] ?? 0) + 28) return undefined
  return box.toString('latin1', 2, 2 + (box[1] ?? 0))
}

/** Inverse of `sealOps`. Throws when a byte, the origin, the index or the key is another. */
export function openOps(key: OpsKey, origin: string, first: number, box: Buffer): string[] {
  if (opsKeyName(box) !== key.name) throw new Error('the box names another key')
  const isDeflated = box[0] === DEFLATED
  const body = box.subarray(2 + key.name.length)
  const decipher = createDecipheriv('aes-256-gcm', key.key, body.subarray(0, 12), { authTagLength: 16 })
  decipher.setAAD(boxScope(origin, first, isDeflated)).setAuthTag(body.subarray(-16))
  const opened = Buffer.concat([decipher.update(body.subarray(12, -16)), decipher.final()])
  return (isDeflated ? inflateRawSync(opened) : opened).toString().split('\n')
}

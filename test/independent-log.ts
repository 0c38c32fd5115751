/**
 * The log's formats a second time, from their specifications alone (RFC 6962 section 2.1, RFC 9162 section
 * 2.1.3, C2SP signed-note, tlog-tiles and tlog-proof, and the description of the entry), so that a mistake in
 * our own code cannot confirm itself. Imports nothing of ours.
 */
import { createHash, createPublicKey, verify } from 'node:crypto'

const sha256 = (...parts: (string | Uint8Array)[]): Buffer =>
  parts.reduce((hashing, part) => hashing.update(part), createHash('sha256')).digest()

export interface TreeHead {
  readonly origin: string
  readonly size: number
  readonly root: Buffer
}

/** Verifies a checkpoint under a verifier key; throws when it is not signed by it. */
export function openNote(note: string, vkey: string): TreeHead {
  const [, name = '', id = '', key = ''] = /^(.+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey.trim()) ?? []
  const typedKey = Buffer.from(key, 'base64')
  if (sha256(`${name}\n`, typedKey).toString('hex', 0, 4) !== id) throw new Error('the key has another id')
  const x = typedKey.subarray(1).toString('base64url')
  const publicKey = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } })
  const end = note.indexOf('\n\n') + 1
  const text = note.slice(0, end)
  const signed = note
    .slice(end + 1)
    .split('\n')
    .some((line) => {
      const [, signer, base64 = ''] = /^— (\S+) (\S+)$/.exec(line) ?? []
      const bytes = Buffer.from(base64, 'base64')
      if (signer !== name || bytes.toString('hex', 0, 4) !== id) return false
      return verify(null, Buffer.from(text), publicKey, bytes.subarray(4))
    })
  if (!signed) throw new Error('not signed by this log')
  const [origin = '', size, root = ''] = text.split('\n')
  if (origin !== name) throw new Error('of another log')
  return { origin, size: Number(size), root: Buffer.from(root, 'base64') }
}

export function hashLeaf(entry: Uint8Array): Buffer {
  return sha256(Buffer.of(0), entry)
}

const hashNode = (left: Uint8Array, right: Uint8Array): Buffer => sha256(Buffer.of(1), left, right)

/** The largest power of two below `n`. */
const split = (n: number): number => 2 ** Math.ceil(Math.log2(n) - 1)

/** MTH of RFC 6962 over hashed leaves. */
export function treeHash(leaves: readonly Uint8Array[]): Buffer {
  const [only] = leaves
  if (only === undefined) return sha256()
  if (leaves.length === 1) return Buffer.from(only)
  const k = split(leaves.length)
  return hashNode(treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)))
}

/** PATH of RFC 6962: the audit path of leaf `index`, nearest first. */
export function auditPath(index: number, leaves: readonly Uint8Array[]): Buffer[] {
  if (leaves.length <= 1) return []
  const k = split(leaves.length)
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)]
  return index < k
    ? [...auditPath(index, left), treeHash(right)]
    : [...auditPath(index - k, right), treeHash(left)]
}

/** RFC 9162 section 2.1.3.2: whether the path leads from the leaf to the root. */
export function isIncluded(
  leaf: Uint8Array,
  index: number,
  path: readonly Uint8Array[],
  { size, root }: TreeHead,
): boolean {
  if (index >= size) return false
  let [fn, sn] = [index, size - 1]
  let hash: Uint8Array = leaf
  for (const sibling of path) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      hash = hashNode(sibling, hash)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
    } else hash = hashNode(hash, sibling)
    ;[fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
  }
  return sn === 0 && root.equals(hash)
}

/** Entries of a bundle (tlog-tiles): each behind its length as uint16, big-endian. */
export function entriesOf(bundle: Uint8Array): Buffer[] {
  const bytes = Buffer.from(bundle)
  const entries: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const next = at + 2 + bytes.readUInt16BE(at)
    entries.push(bytes.subarray(at + 2, next))
    at = next
  }
  return entries
}

/** Path of a bundle or tile of a log with less than 256,000 entries. */
export function fileName(level: number | 'entries', index: number, width: number): string {
  return `tile/${level}/${String(index).padStart(3, '0')}${width === 256 ? '' : `.p/${width}`}`
}

/**
 * An entry is a version byte, 1, and four digests in the order ops, subject, who, data. A digest is SHA-256
 * of slot, salt and value with colons between; a salt is the first 22 characters of
 * base64url(SHA-256(secret:slot:index)).
 */
export function commitsTo(
  entry: Uint8Array,
  slot: 'ops' | 'subject' | 'who' | 'data',
  salt: string,
  value: string,
): boolean {
  if (entry.length !== 129 || entry[0] !== 1 || salt.length !== 22) return false
  const at = 1 + 32 * ['ops', 'subject', 'who', 'data'].indexOf(slot)
  return sha256(`${slot}:${salt}:${value}`).equals(Buffer.from(entry.slice(at, at + 32)))
}

export interface Proof {
  /** Not authenticated: to be held against the leaf before anything in it is believed. */
  readonly extra: Buffer | undefined
  readonly index: number
  readonly path: readonly Buffer[]
  readonly checkpoint: string
}

/** A `.tlog-proof` file (C2SP tlog-proof). Throws when it is not one. */
export function readProof(file: string): Proof {
  const lines =
    /^c2sp\.org\/tlog-proof@v1\n(?:extra (\S+)\n)?index (0|[1-9]\d*)\n((?:[\w+/]{43}=\n)*)\n([^]+)$/.exec(
      file,
    )
  if (lines === null) throw new Error('no tlog-proof')
  const [, extra, index, hashes = '', checkpoint = ''] = lines
  return {
    extra: extra === undefined ? undefined : Buffer.from(extra, 'base64'),
    index: Number(index),
    path: hashes
      .split('\n')
      .slice(0, -1)
      .map((hash) => Buffer.from(hash, 'base64')),
    checkpoint,
  }
}

/** Signed tree heads of a log: C2SP tlog-checkpoint, Ed25519 (signature type 0x01). */
import { sign, verify, type KeyObject } from 'node:crypto'
import { HASH_BYTES } from './merkle.ts'
import {
  decodeBase64,
  isKeyName,
  NoteInvalid,
  parseNote,
  parseVkey,
  SIGNATURE_TYPE,
  writeSignatureLine,
  writeVkey,
} from './note.ts'

export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Buffer
}

/** Signs the log's checkpoints. The key's name is the origin, as tlog-checkpoint wants it. */
export interface LogSigner {
  readonly origin: string
  /** Verifier key: `<origin>+<key id>+<base64>`. */
  readonly vkey: string
  sign(tree: { size: number; root: Uint8Array }): string
}

/** `key` is an Ed25519 private key. */
export function createLogSigner(origin: string, key: KeyObject): LogSigner {
  if (!isKeyName(origin)) throw new TypeError('an origin must have no spaces, control characters or +')
  const vkey = writeVkey(origin, SIGNATURE_TYPE.ed25519, key)
  const { id } = parseVkey(vkey)
  return {
    origin,
    vkey,
    sign({ size, root }) {
      const text = `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`
      const signature = sign(null, Buffer.from(text), key)
      return `${text}\n${writeSignatureLine({ name: origin, id, signature })}`
    },
  }
}

/**
 * Verifies the log's own signature and reads the tree head. Signature lines of other keys are ignored, as the
 * format demands (witnesses, rotation); every line of this key must verify. Throws `NoteInvalid`.
 */
export function openCheckpoint(note: string, vkey: string): Checkpoint {
  const verifier = parseVkey(vkey)
  const { text, signatures } = parseNote(note)
  const own = signatures.filter(({ name, id }) => name === verifier.name && id === verifier.id)
  if (own.length === 0) throw new NoteInvalid('the checkpoint has no signature by the key of this log')
  const signed = Buffer.from(text)
  if (!own.every(({ signature }) => signature.length === 64 && verify(null, signed, verifier.key, signature)))
    throw new NoteInvalid('the signature of the checkpoint does not verify')
  return readCheckpoint(text, verifier.name)
}

/** Reads the signed text of a checkpoint of the log `name`. Says nothing about signatures. Throws `NoteInvalid`. */
export function readCheckpoint(text: string, name: string): Checkpoint {
  const [origin, size = '', base64 = '', ...rest] = text.slice(0, -1).split('\n')
  if (origin !== name) throw new NoteInvalid('the checkpoint names another log than its key')
  if (!/^(?:0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size)))
    throw new NoteInvalid('the size in the checkpoint is malformed')
  const root = decodeBase64(base64)
  if (root?.length !== HASH_BYTES) throw new NoteInvalid('the root in the checkpoint is malformed')
  if (rest.includes('')) throw new NoteInvalid('the checkpoint has an empty line')
  return { origin, size: Number(size), root }
}

/** Size of the tree in a checkpoint of our own. */
export function sizeOf(note: string): number {
  const size = Number(note.split('\n', 2)[1])
  if (!Number.isSafeInteger(size)) throw new NoteInvalid('the size in the checkpoint is malformed')
  return size
}

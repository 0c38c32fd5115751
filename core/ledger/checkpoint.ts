/** Signed tree heads of a log: C2SP tlog-checkpoint, Ed25519 (signature type 0x01). */
import { sign, verify, type KeyObject } from 'node:crypto'
import type { LogKeys } from './log-keys.ts'
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

/** Signs the log's checkpoints. The name of its keys is the origin, as tlog-checkpoint wants it. */
export interface LogSigner {
  readonly origin: string
  /** Newest verifier key: `<origin>+<key id>+<base64>`. */
  readonly vkey: string
  /** All that the log ever had, newest first. */
  readonly vkeys: readonly string[]
  /** A signed note for each change from one key to the next, oldest first. */
  readonly keyChanges: readonly string[]
  /** A line by each key that signs at `time` (Unix ms): the newest, and those before it for as long as they overlap. */
  sign(tree: { size: number; root: Uint8Array; time?: number }): string
}

/** `keys`: Ed25519 private keys, of which there may come more while the signer is in use. */
export function createLogSigner(origin: string, keys: KeyObject | LogKeys): LogSigner {
  if (!isKeyName(origin)) throw new TypeError('an origin must have no spaces, control characters or +')
  const ring: LogKeys =
    'logKeys' in keys ? keys : { logKeys: [{ key: keys, until: undefined }], keyChanges: [] }
  const named: { readonly vkey: string; readonly id: string }[] = []
  /** Newest first. */
  function all() {
    for (const { key } of ring.logKeys.slice(named.length)) {
      const vkey = writeVkey(origin, SIGNATURE_TYPE.ed25519, key)
      named.push({ vkey, id: parseVkey(vkey).id })
    }
    return ring.logKeys
      .map((one, i) => ({ ...one, vkey: named[i]?.vkey ?? '', id: named[i]?.id ?? '' }))
      .toReversed()
  }
  return {
    origin,
    get vkey() {
      return all()[0]?.vkey ?? ''
    },
    get vkeys() {
      return all().map(({ vkey }) => vkey)
    },
    get keyChanges() {
      return ring.keyChanges
    },
    sign({ size, root, time = 0 }) {
      const text = `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`
      const bytes = Buffer.from(text)
      const lines = all()
        .filter(({ until }) => until === undefined || time < until)
        .map(({ id, key }) => writeSignatureLine({ name: origin, id, signature: sign(null, bytes, key) }))
      return `${text}\n${lines.join('')}`
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

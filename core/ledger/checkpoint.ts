/** Signed notes and tree heads: C2SP signed-note and tlog-checkpoint, Ed25519 (signature type 0x01). */
import { createPublicKey, hash, sign, verify, type KeyObject } from 'node:crypto'
import { HASH_BYTES } from './merkle.ts'

export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Buffer
}

/** A checkpoint or verifier key that is malformed or not signed by the log it names. */
export class CheckpointInvalid extends Error {
  readonly code = 'checkpoint-invalid'
}

const ED25519 = 1
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex')
const MAX_NOTE_CHARACTERS = 65_536
const MAX_SIGNATURES = 100

function keyId(name: string, publicKey: Buffer): string {
  const bytes = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), publicKey])
  return hash('sha256', bytes, 'hex').slice(0, 8)
}

function isKeyName(name: string): boolean {
  return name.length > 0 && name.isWellFormed() && !/[\s+\p{Cc}]/u.test(name)
}

/** Standard base64 with its one spelling: no foreign characters, right padding, no loose bits. */
function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
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
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)
  const id = keyId(origin, publicKey)
  const idBytes = Buffer.from(id, 'hex')
  return {
    origin,
    vkey: `${origin}+${id}+${Buffer.concat([Buffer.of(ED25519), publicKey]).toString('base64')}`,
    sign({ size, root }) {
      const text = `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`
      const signature = Buffer.concat([idBytes, sign(null, Buffer.from(text), key)])
      return `${text}\n\u2014 ${origin} ${signature.toString('base64')}\n`
    },
  }
}

interface Verifier {
  readonly name: string
  readonly id: string
  readonly key: KeyObject
}

/** Throws `CheckpointInvalid` for anything but an Ed25519 verifier key whose id fits its key. */
export function parseVkey(vkey: string): Verifier {
  const [, name = '', id, base64 = ''] = /^([^+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(vkey) ?? []
  const bytes = decodeBase64(base64)
  if (!isKeyName(name) || bytes?.length !== 33 || bytes[0] !== ED25519)
    throw new CheckpointInvalid('the verifier key is malformed or of an unknown type')
  const publicKey = bytes.subarray(1)
  if (keyId(name, publicKey) !== id)
    throw new CheckpointInvalid('the id of the verifier key does not fit the key')
  const der = Buffer.concat([SPKI_ED25519, publicKey])
  return { name, id, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) }
}

interface SignatureLine {
  readonly name: string
  readonly id: string
  readonly signature: Buffer
}

export interface SignedNote {
  /** Signed text, its last line break included. */
  readonly text: string
  readonly signatures: readonly SignatureLine[]
}

/** Takes a signed note apart without believing it. Throws `CheckpointInvalid` when it is malformed. */
export function parseNote(note: string): SignedNote {
  if (note.length > MAX_NOTE_CHARACTERS) throw new CheckpointInvalid('the note is too long')
  // oxlint-disable-next-line no-control-regex -- the note format forbids them
  if (!note.isWellFormed() || /[\u0000-\u0009\u000b-\u001f]/.test(note))
    throw new CheckpointInvalid('the note has characters that no note may have')
  const cut = note.lastIndexOf('\n\n')
  if (cut < 0 || !note.endsWith('\n')) throw new CheckpointInvalid('the note is malformed')
  const lines = note.slice(cut + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw new CheckpointInvalid('the note has too many signatures')
  const signatures = lines.map((line) => {
    const [, name = '', base64 = ''] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? []
    const bytes = decodeBase64(base64)
    if (!isKeyName(name) || !bytes || bytes.length < 5)
      throw new CheckpointInvalid('a signature line of the note is malformed')
    return { name, id: bytes.toString('hex', 0, 4), signature: bytes.subarray(4) }
  })
  return { text: note.slice(0, cut + 1), signatures }
}

/**
 * Verifies the log's own signature and reads the tree head. Signature lines of other keys are ignored, as the
 * format demands (witnesses, rotation); every line of this key must verify. Throws `CheckpointInvalid`.
 */
export function openCheckpoint(note: string, vkey: string): Checkpoint {
  const verifier = parseVkey(vkey)
  const { text, signatures } = parseNote(note)
  const own = signatures.filter(({ name, id }) => name === verifier.name && id === verifier.id)
  if (own.length === 0) throw new CheckpointInvalid('the checkpoint has no signature by the key of this log')
  const signed = Buffer.from(text)
  if (!own.every(({ signature }) => signature.length === 64 && verify(null, signed, verifier.key, signature)))
    throw new CheckpointInvalid('the signature of the checkpoint does not verify')
  return readBody(text, verifier.name)
}

function readBody(text: string, name: string): Checkpoint {
  const [origin, size = '', base64 = '', ...rest] = text.slice(0, -1).split('\n')
  if (origin !== name) throw new CheckpointInvalid('the checkpoint names another log than its key')
  if (!/^(?:0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size)))
    throw new CheckpointInvalid('the size in the checkpoint is malformed')
  const root = decodeBase64(base64)
  if (root?.length !== HASH_BYTES) throw new CheckpointInvalid('the root in the checkpoint is malformed')
  if (rest.includes('')) throw new CheckpointInvalid('the checkpoint has an empty line')
  return { origin, size: Number(size), root }
}

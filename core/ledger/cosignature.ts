/**
 * Cosignatures: what a witness says of a log's checkpoint, that it continues everything the witness saw before
 * (C2SP tlog-cosignature, Ed25519 type 0x04 and ML-DSA-44 type 0x06).
 */
import { sign, verify, type KeyObject } from 'node:crypto'
import { openCheckpoint, readCheckpoint, type Checkpoint } from './checkpoint.ts'
import {
  NoteInvalid,
  parseNote,
  parseSignatureLines,
  parseVkey,
  SIGNATURE_TYPE,
  writeSignatureLine,
  writeVkey,
  type SignatureLine,
  type Verifier,
} from './note.ts'

const COSIGNATURE_TYPES = [SIGNATURE_TYPE.cosignatureEd25519, SIGNATURE_TYPE.cosignatureMlDsa44] as const
type CosignatureType = (typeof COSIGNATURE_TYPES)[number]

const TIME_BYTES = 8
/** What is later could be written as no date. */
const LAST_SECOND = 8_640_000_000_000
const SIGNATURE_BYTES: Readonly<Record<CosignatureType, number>> = {
  [SIGNATURE_TYPE.cosignatureEd25519]: 64,
  [SIGNATURE_TYPE.cosignatureMlDsa44]: 2420,
}

export interface Cosigner {
  /** Verifier key for policies. */
  readonly vkey: string
  /** A signature line over the text of a checkpoint; `time` is Unix seconds. */
  cosign(text: string, time: number): string
}

/** `key` is a private key of its own for this cosigner: Ed25519, or ML-DSA-44. `name` is a URL without scheme. */
export function createCosigner(name: string, key: KeyObject): Cosigner {
  const isMlDsa = key.asymmetricKeyType === 'ml-dsa-44'
  const type = isMlDsa ? SIGNATURE_TYPE.cosignatureMlDsa44 : SIGNATURE_TYPE.cosignatureEd25519
  const vkey = writeVkey(name, type, key)
  const { id } = parseWitnessKey(vkey)
  return {
    vkey,
    cosign(text, time) {
      const stamp = Buffer.alloc(TIME_BYTES)
      stamp.writeBigUInt64BE(BigInt(time))
      const signature = sign(null, signedBytes({ name, type }, text, stamp), key)
      return writeSignatureLine({ name, id, signature: Buffer.concat([stamp, signature]) })
    },
  }
}

/** Reads a witness's verifier key. Throws `NoteInvalid`. */
export function parseWitnessKey(vkey: string): Verifier {
  return parseVkey(vkey, COSIGNATURE_TYPES)
}

/** Reads a verifier key of a log: Ed25519, or ML-DSA-44. Throws `NoteInvalid`. */
export function parseLogKey(vkey: string): Verifier {
  return parseVkey(vkey, [SIGNATURE_TYPE.ed25519, SIGNATURE_TYPE.cosignatureMlDsa44])
}

/** Verifies the log's own signature by a key of either kind and reads the tree head. Throws `NoteInvalid`. */
export function openSignedBy(note: string, vkey: string): Checkpoint {
  const key = parseLogKey(vkey)
  if (key.type === SIGNATURE_TYPE.ed25519) return openCheckpoint(note, vkey)
  const { text, signatures } = parseNote(note)
  if (cosignedAt(text, signatures, key) === undefined)
    throw new NoteInvalid('the checkpoint has no signature by the key of this log')
  return readCheckpoint(text, key.name)
}

/**
 * When this witness cosigned the checkpoint with this text, in Unix seconds; `undefined` when none of the lines is
 * its own and verifies. Lines of others are ignored, as the format demands.
 */
export function cosignedAt(
  text: string,
  lines: readonly SignatureLine[],
  witness: Verifier,
): number | undefined {
  const type = COSIGNATURE_TYPES.find((known) => known === witness.type)
  if (type === undefined) return undefined
  for (const { name, id, signature } of lines) {
    if (name !== witness.name || id !== witness.id) continue
    if (signature.length !== TIME_BYTES + SIGNATURE_BYTES[type]) continue
    const stamp = signature.subarray(0, TIME_BYTES)
    const time = stamp.readBigUInt64BE()
    if (time > LAST_SECOND) continue
    const signed = signedBytes({ name, type }, text, stamp)
    if (verify(null, signed, witness.key, signature.subarray(TIME_BYTES))) return Number(time)
  }
  return undefined
}

/**
 * Of what a witness answered, the lines that are its own and verify, ready to be put under the checkpoint. Throws
 * `NoteInvalid` when the answer is no list of signature lines.
 */
export function cosignaturesIn(answer: string, text: string, witness: Verifier): string[] {
  return parseSignatureLines(answer)
    .filter((line) => cosignedAt(text, [line], witness) !== undefined)
    .map(writeSignatureLine)
}

/** What is signed. The time is signed as it is sent, so that no other time fits the signature. */
function signedBytes(
  { name, type }: { name: string; type: CosignatureType },
  text: string,
  stamp: Buffer,
): Buffer {
  if (type === SIGNATURE_TYPE.cosignatureEd25519)
    return Buffer.from(`cosignature/v1\ntime ${stamp.readBigUInt64BE()}\n${text}`)
  return cosignedMessage(name, readCheckpoint(text, text.slice(0, text.indexOf('\n'))), stamp)
}

/** `cosigned_message` of tlog-cosignature for a whole tree: start 0. */
function cosignedMessage(name: string, { origin, size, root }: Checkpoint, stamp: Buffer): Buffer {
  const numbers = Buffer.alloc(16)
  numbers.writeBigUInt64BE(BigInt(size), 8)
  return Buffer.concat([Buffer.from('subtree/v1\n\0'), opaque(name), stamp, opaque(origin), numbers, root])
}

/** RFC 8446 3.4: a vector of up to 255 bytes with its length before it. */
function opaque(text: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length > 255) throw new RangeError('a name has more than 255 bytes')
  return Buffer.concat([Buffer.of(bytes.length), bytes])
}

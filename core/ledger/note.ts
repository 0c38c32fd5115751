/** Signed notes (C2SP signed-note): a text, and under it one line for each key that signed it. */
import { createPublicKey, hash, type KeyObject } from 'node:crypto'

/** A note, checkpoint, cosignature or verifier key that is malformed or does not verify. */
export class NoteInvalid extends Error {
  readonly code = 'note-invalid'
}

/** What a key signs with, as the first byte of its verifier key: of logs, and of their cosigners. */
export const SIGNATURE_TYPE = { ed25519: 0x01, cosignatureEd25519: 0x04, cosignatureMlDsa44: 0x06 } as const
export type SignatureType = (typeof SIGNATURE_TYPE)[keyof typeof SIGNATURE_TYPE]

const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex')
// SubjectPublicKeyInfo of ML-DSA-44 (RFC 9881): SEQUENCE { SEQUENCE { OID }, BIT STRING of 1,312 bytes }.
const SPKI_ML_DSA_44 = Buffer.from('30820532300b06096086480165030403110382052100', 'hex')
const forms: Readonly<Record<SignatureType, { readonly spki: Buffer; readonly keyBytes: number }>> = {
  [SIGNATURE_TYPE.ed25519]: { spki: SPKI_ED25519, keyBytes: 32 },
  [SIGNATURE_TYPE.cosignatureEd25519]: { spki: SPKI_ED25519, keyBytes: 32 },
  [SIGNATURE_TYPE.cosignatureMlDsa44]: { spki: SPKI_ML_DSA_44, keyBytes: 1312 },
}

const MAX_NOTE_CHARACTERS = 65_536
const MAX_SIGNATURES = 100

export function isKeyName(name: string): boolean {
  return name.length > 0 && name.isWellFormed() && !/[\s+\p{Cc}]/u.test(name)
}

/** Standard base64 with its one spelling: no foreign characters, right padding, no loose bits. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

export interface Verifier {
  readonly name: string
  readonly type: SignatureType
  /** Key id, eight hex digits. */
  readonly id: string
  readonly key: KeyObject
}

/** Verifier key of a private or public key: `<name>+<key id>+<base64 of type and key>`. */
export function writeVkey(name: string, type: SignatureType, key: KeyObject): string {
  const { spki } = forms[type]
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(spki.length)
  return `${name}+${keyId(name, type, raw)}+${Buffer.concat([Buffer.of(type), raw]).toString('base64')}`
}

/** Throws `NoteInvalid` for anything but a verifier key of one of these types, in its one spelling. */
export function parseVkey(
  vkey: string,
  types: readonly SignatureType[] = [SIGNATURE_TYPE.ed25519],
): Verifier {
  const [, name = '', id, base64 = ''] = /^([^+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(vkey) ?? []
  const bytes = decodeBase64(base64)
  const type = types.find((known) => known === bytes?.[0])
  if (!isKeyName(name) || !bytes || type === undefined || bytes.length !== forms[type].keyBytes + 1)
    throw new NoteInvalid('the verifier key is malformed or of an unknown type')
  const raw = bytes.subarray(1)
  if (keyId(name, type, raw) !== id) throw new NoteInvalid('the id of the verifier key does not fit the key')
  const der = Buffer.concat([forms[type].spki, raw])
  return { name, type, id, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) }
}

function keyId(name: string, type: SignatureType, raw: Buffer): string {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), raw]), 'hex').slice(0, 8)
}

export interface SignatureLine {
  readonly name: string
  readonly id: string
  readonly signature: Buffer
}

/** One line of a note, line break included. */
export function writeSignatureLine({ name, id, signature }: SignatureLine): string {
  return `\u2014 ${name} ${Buffer.concat([Buffer.from(id, 'hex'), signature]).toString('base64')}\n`
}

export interface SignedNote {
  /** Signed text, its last line break included. */
  readonly text: string
  readonly signatures: readonly SignatureLine[]
}

/** Takes a signed note apart without believing it. Throws `NoteInvalid` when it is malformed. */
export function parseNote(note: string): SignedNote {
  if (note.length > MAX_NOTE_CHARACTERS) throw new NoteInvalid('the note is too long')
  // oxlint-disable-next-line no-control-regex -- the note format forbids them
  if (!note.isWellFormed() || /[\u0000-\u0009\u000b-\u001f]/.test(note))
    throw new NoteInvalid('the note has characters that no note may have')
  const cut = note.lastIndexOf('\n\n')
  if (cut < 0 || !note.endsWith('\n')) throw new NoteInvalid('the note is malformed')
  return { text: note.slice(0, cut + 1), signatures: parseSignatureLines(note.slice(cut + 2)) }
}

/** One or more signature lines, each ending with a line break. Throws `NoteInvalid`. */
export function parseSignatureLines(text: string): SignatureLine[] {
  const lines = text.slice(0, -1).split('\n')
  if (!text.endsWith('\n') || lines.length > MAX_SIGNATURES)
    throw new NoteInvalid('the note has too many signatures, or a broken one')
  return lines.map((line) => {
    const [, name = '', base64 = ''] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? []
    const bytes = decodeBase64(base64)
    if (!isKeyName(name) || !bytes || bytes.length < 5)
      throw new NoteInvalid('a signature line of the note is malformed')
    return { name, id: bytes.toString('hex', 0, 4), signature: bytes.subarray(4) }
  })
}

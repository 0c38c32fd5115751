/** Signed tree heads of a log, for whoever receives one (C2SP signed-note and tlog-checkpoint, Ed25519). */
import { fromBase64, sha256, toHex, utf8, type Bytes } from './bytes.ts'

/** What was received does not prove what it should. The message says in one line what is wrong. */
export class NotProven extends Error {
  override readonly name = 'NotProven'
}

/** The key that signed it, or is said to have, is none of those that are known: that tells nothing about what was signed. */
export class NotSignedBy extends NotProven {}

export interface LogKey {
  /** The log's origin. */
  readonly name: string
  /** Eight hex digits. */
  readonly id: string
  readonly key: CryptoKey
}

export interface TreeHead {
  readonly size: number
  readonly root: Bytes
}

const ED25519 = 1
const MAX_NOTE_CHARACTERS = 65_536

/** Reads a log's verifier key, `<origin>+<key id>+<base64>`. Throws `NotProven`. */
export async function readLogKey(vkey: string): Promise<LogKey> {
  const [, name = '', id = '', base64 = ''] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(vkey.trim()) ?? []
  const typed = fromBase64(base64)
  if (typed?.length !== 33 || typed[0] !== ED25519)
    throw new NotProven("the log's key is malformed or of an unknown kind")
  const digest = await sha256(utf8(`${name}\n`), typed)
  if (toHex(digest.subarray(0, 4)) !== id) throw new NotProven("the id of the log's key does not fit the key")
  const key = await crypto.subtle.importKey('raw', typed.slice(1), 'Ed25519', false, ['verify'])
  return { name, id, key }
}

/**
 * The tree head in a checkpoint that this key signed. Lines of other keys, such as those of witnesses, are passed
 * over. Throws `NotProven`.
 */
export async function openCheckpoint(note: string, { name, id, key }: LogKey): Promise<TreeHead> {
  const end = note.lastIndexOf('\n\n')
  if (note.length > MAX_NOTE_CHARACTERS || end < 0 || !note.endsWith('\n'))
    throw new NotProven('the checkpoint is malformed')
  const text = note.slice(0, end + 1)
  const own = note
    .slice(end + 2, -1)
    .split('\n')
    .map((line) => /^\u2014 (\S+) (\S+)$/.exec(line))
    .filter((line) => line?.[1] === name)
    .map((line) => fromBase64(line?.[2] ?? ''))
    .filter((line): line is Bytes => line !== undefined && toHex(line.subarray(0, 4)) === id)
  if (own.length === 0) throw new NotSignedBy('the checkpoint is not signed by the key of this log')
  for (const line of own)
    if (!(await crypto.subtle.verify('Ed25519', key, line.slice(4), utf8(text))))
      throw new NotProven("the log's signature under the checkpoint is wrong")
  return readHead(text, name)
}

function readHead(text: string, name: string): TreeHead {
  const [origin, size = '', base64 = ''] = text.split('\n')
  const root = fromBase64(base64)
  if (origin !== name) throw new NotProven('the checkpoint is of another log')
  if (!/^(0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size)) || root?.length !== 32)
    throw new NotProven('the checkpoint is malformed')
  return { size: Number(size), root }
}

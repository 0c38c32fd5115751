/**
 * The keys of a log as one follows the other. A change is a signed note under both: by the old key, so that whoever trusts that one
 * may go on to the new; by the new, so that whoever trusts that one knows whose signatures came before. What signs a checkpoint
 * beside a trusted key proves nothing about itself: anybody can put a line under a note.
 */
import { sign, verify, type KeyObject } from 'node:crypto'
import {
  NoteInvalid,
  parseNote,
  parseVkey,
  SIGNATURE_TYPE,
  writeSignatureLine,
  writeVkey,
  type Verifier,
} from './note.ts'

/** A private key of the log (Ed25519). */
export interface LogKey {
  readonly key: KeyObject
  /** Unix ms from which it no longer signs; undefined for the newest. */
  readonly until: number | undefined
}

/** What a signer needs of a key store; newest key last, and a change for each but the first. */
export interface LogKeys {
  readonly logKeys: readonly LogKey[]
  readonly keyChanges: readonly string[]
}

export interface KeyChange {
  readonly origin: string
  /** Verifier keys. */
  readonly from: string
  readonly to: string
  /** Unix ms: until then the old key signs beside the new one. */
  readonly until: number
}

/** First line of the note. No checkpoint begins with it: that would be the log's origin. */
const HEAD = 'reach-log-key/v1'
/** More changes than this no log has seen. */
const MAX_CHANGES = 100

/** The note of a change; `from` and `to` are private keys. */
export function writeKeyChange({
  origin,
  from,
  to,
  until,
}: {
  origin: string
  from: KeyObject
  to: KeyObject
  until: number
}): string {
  const [old, next] = [from, to].map((key) => writeVkey(origin, SIGNATURE_TYPE.ed25519, key))
  const end = new Date(until).toISOString()
  const text = `${HEAD}\n${origin}\nfrom ${old}\nto ${next}\nuntil ${end}\n`
  const lines = [from, to].map((key) => {
    const { id } = parseVkey(writeVkey(origin, SIGNATURE_TYPE.ed25519, key))
    return writeSignatureLine({ name: origin, id, signature: sign(null, Buffer.from(text), key) })
  })
  return `${text}\n${lines.join('')}`
}

/** Reads one change and verifies both signatures. Throws `NoteInvalid`. */
export function openKeyChange(note: string): KeyChange {
  const { text, signatures } = parseNote(note)
  const [, origin = '', from = '', to = '', end = ''] =
    /^reach-log-key\/v1\n(\S+)\nfrom (\S+)\nto (\S+)\nuntil (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\n$/.exec(
      text,
    ) ?? []
  const until = Date.parse(end)
  if (Number.isNaN(until)) throw new NoteInvalid('the change of the key is malformed')
  const keys = [parseVkey(from), parseVkey(to)]
  if (from === to || keys.some(({ name }) => name !== origin))
    throw new NoteInvalid('the change of the key is not from one key of the log to another')
  for (const key of keys)
    if (!isSignedBy(key, text, signatures))
      throw new NoteInvalid('the change of the key is not signed by both keys')
  return { origin, from, to, until }
}

function isSignedBy(
  key: Verifier,
  text: string,
  signatures: ReturnType<typeof parseNote>['signatures'],
): boolean {
  const own = signatures.filter(({ name, id }) => name === key.name && id === key.id)
  const signed = Buffer.from(text)
  return (
    own.length > 0 &&
    own.every(({ signature }) => signature.length === 64 && verify(null, signed, key.key, signature))
  )
}

/** Of the log's keys those that signed this note, newest first. */
export function vkeysUnder(
  note: string,
  log: { readonly vkey: string; readonly keyChanges: readonly string[] },
): string[] {
  const { signatures } = parseNote(note)
  return keysAround(log.vkey, writeKeyChanges(log.keyChanges))
    .filter((vkey) => signatures.some(({ id }) => id === parseVkey(vkey).id))
    .toReversed()
}

/** The changes as they are served and kept: one note after the other, oldest first. */
export const writeKeyChanges = (notes: readonly string[]): string => notes.join('')

export const splitKeyChanges = (file: string): string[] =>
  file.split(/(?=^reach-log-key\/v1$)/m).filter((note) => note !== '')

/**
 * The keys of the log that the trusted key vouches for, oldest first: those it followed and those that follow it. Throws `NoteInvalid`
 * for a file with anything else in it, and for a key with two successors: then nobody knows which of them is the log's.
 */
export function keysAround(trusted: string, file: string): string[] {
  if (file.length > MAX_CHANGES * 2_000) throw new NoteInvalid('the changes of the key are too many')
  const changes = splitKeyChanges(file).map(openKeyChange)
  const after = new Map(changes.map((change) => [change.from, change.to]))
  const before = new Map(changes.map((change) => [change.to, change.from]))
  if (after.size !== changes.length || before.size !== changes.length)
    throw new NoteInvalid('the log changed one key twice')
  const keys = [trusted]
  for (let key = before.get(trusted); key !== undefined && !keys.includes(key); key = before.get(key))
    keys.unshift(key)
  for (let key = after.get(trusted); key !== undefined && !keys.includes(key); key = after.get(key))
    keys.push(key)
  return keys
}

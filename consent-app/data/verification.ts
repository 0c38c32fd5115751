/** Checks entries of the log in this browser, from its public files, believing nothing that the vault says of them. */
import type { EntryEvidence } from '#schemas/types.gen.ts'
import { isEqual } from '#core/verifier/bytes.ts'
import { NotProven, openCheckpoint, readLogKey, type LogKey, type TreeHead } from '#core/verifier/checkpoint.ts'
import { commitsTo, readProof, type Proof } from '#core/verifier/evidence.ts'
import { KeptHead } from '#core/verifier/kept-head.ts'
import { keysAround, servedKeys } from '#core/verifier/key-changes.ts'
import { inclusionPath, readEntry } from '#core/verifier/tiles.ts'
import { isIncluded, leafHash } from '#core/verifier/tree.ts'
import { vaultUrl } from './ask.ts'
import { call, ProblemError } from './http.ts'
import { keepLog, readKeptLog, type KeptLog } from './kept-log.ts'

/** In the order they are made; the first that fails ends the checking. */
export const checks = ['key', 'signature', 'history', 'place', 'facts'] as const
export type Check = (typeof checks)[number]

/** The members of an entry's line of facts, whatever they say. */
export type Facts = Readonly<Record<string, unknown>>

export interface Verification {
  /** Those that hold. */
  readonly held: readonly Check[]
  /** The one that does not, and why; `undefined` when all hold. */
  readonly failed: { readonly check: Check; readonly why: string } | undefined
  /** Entries under the checked signature; 0 before it was checked. */
  readonly size: number
  /** What this browser had verified before: entries, and when (Unix ms). */
  readonly before: { readonly size: number; readonly at: number } | undefined
  /** All that was received, to be kept as evidence. */
  readonly received: string
}

export async function readEvidence(index: number): Promise<EntryEvidence> {
  return call<EntryEvidence>('GET', `api/activity/${index}/evidence`)
}

/**
 * Checks one piece of evidence. `agrees` says whether the facts of the entry are those the page shows. Throws
 * `ProblemError` when the log cannot be read at all, which proves nothing either way.
 */
export async function verifyEvidence(
  evidence: Pick<EntryEvidence, 'facts' | 'subject' | 'proof'>,
  agrees: (facts: Facts) => boolean,
): Promise<Verification> {
  const served = new TextDecoder().decode((await readLogFile('vkey')) ?? new Uint8Array()).trim()
  const kept = await keptFor(served)
  const held: Check[] = []
  let size = 0
  let before: Verification['before']
  let check: Check = 'key'
  const received = JSON.stringify({ evidence, vkey: served, kept: kept ?? null }, null, 2)
  try {
    const trusted = await trustedKey(served, kept)
    held.push(check)
    check = 'signature'
    const proof = readProof(evidence.proof)
    const { head, key } = await openUnder(proof.checkpoint, trusted)
    size = head.size
    held.push(check)
    check = 'history'
    before = await acceptHead(proof.checkpoint, trusted, kept)
    held.push(check)
    check = 'place'
    await demandPlace(proof, key)
    held.push(check)
    check = 'facts'
    await demandFacts(proof, evidence, agrees)
    held.push(check)
    return { held, failed: undefined, size, before, received }
  } catch (error) {
    if (!(error instanceof NotProven)) throw error
    return { held, failed: { check, why: error.message }, size, before, received }
  }
}

/** What this browser trusts: the key it kept, as long as that one leads to the log's own; else what the log names. */
async function trustedKey(served: string, kept: KeptLog | undefined): Promise<string> {
  const [newest = ''] = await servedKeys(served)
  if (kept === undefined || kept.vkey === newest) return newest
  const { earlier, later } = await keysAround(kept.vkey, await readChanges())
  if (![...earlier, ...later].includes(newest))
    throw new NotProven(`the log had the key ${kept.vkey} and now names ${newest}`)
  return kept.vkey
}

/** With the newest key of the log that signed it, of those that the trusted one vouches for. */
async function openUnder(note: string, trusted: string): Promise<{ head: TreeHead; key: LogKey }> {
  const { earlier, later } = await keysAround(trusted, await readChanges())
  let refusal: unknown
  for (const vkey of [...later.toReversed(), trusted, ...earlier.toReversed()]) {
    const key = await readLogKey(vkey)
    try {
      return { head: await openCheckpoint(note, key), key }
    } catch (error) {
      refusal ??= error
    }
  }
  throw refusal
}

async function readChanges(): Promise<string> {
  return new TextDecoder().decode((await readLogFile('key-changes')) ?? new Uint8Array())
}

/** On this machine every installation for trying has another log under the same name. */
async function keptFor(served: string): Promise<KeptLog | undefined> {
  const kept = readKeptLog()
  const isOwnMachine = /^(localhost|127\.[\d.]+|\[::1\])$/.test(location.hostname)
  if (!isOwnMachine || kept === undefined || served.split('\n').includes(kept.vkey)) return kept
  const around = await keysAround(kept.vkey, await readChanges()).catch(() => undefined)
  return around !== undefined && around.later.length > 0 ? kept : undefined
}

/** Demands that the head continues the kept one, and keeps the newer. Resolves to what was kept before. */
async function acceptHead(
  note: string,
  trusted: string,
  kept: KeptLog | undefined,
): Promise<Verification['before']> {
  const head = new KeptHead({
    vkey: trusted,
    read: readLogFile,
    store: {
      load: async () => (kept?.note === undefined ? undefined : { note: kept.note, vkey: kept.vkey }),
      save: async (newer) => keepLog({ ...newer, at: performance.timeOrigin + performance.now() }),
    },
  })
  const { since } = await head.accept(note)
  return since === undefined || kept === undefined ? undefined : { size: since, at: kept.at }
}

/** The public log must have this entry at this place of the signed tree, by its own tiles. */
async function demandPlace(proof: Proof, key: LogKey): Promise<void> {
  const head = await openCheckpoint(proof.checkpoint, key)
  const served = await readEntry(readLogFile, proof.index, head.size)
  if (!isEqual(served, proof.entry)) throw new NotProven(`the public log shows another entry ${proof.index}`)
  const path = await inclusionPath(readLogFile, proof.index, head.size)
  if (!(await isIncluded(await leafHash(served), proof.index, path, head)))
    throw new NotProven(`entry ${proof.index} does not lead to the signed root`)
}

async function demandFacts(
  { entry, openings }: Proof,
  { facts, subject }: Pick<EntryEvidence, 'facts' | 'subject'>,
  agrees: (facts: Facts) => boolean,
): Promise<void> {
  if (!(await commitsTo(entry, 'ops', openings.ops ?? '', facts)))
    throw new NotProven('the entry commits to other facts than these')
  if (subject !== undefined && !(await commitsTo(entry, 'subject', openings.subject ?? '', subject)))
    throw new NotProven('the entry is about another person')
  if (!agrees(readFacts(facts))) throw new NotProven('the entry says something else than this page shows')
}

/** The members of a line of facts. Throws `NotProven` for anything else. */
export function readFacts(line: string): Facts {
  try {
    const facts: unknown = JSON.parse(line)
    if (typeof facts === 'object' && facts !== null && !Array.isArray(facts))
      return facts as Facts
  } catch {
    // Falls through: no facts either way.
  }
  throw new NotProven('the facts are malformed')
}

async function readLogFile(path: string): Promise<Uint8Array | undefined> {
  const response = await fetch(vaultUrl(`log/${path}`), { redirect: 'error' }).catch(() => {
    throw new ProblemError('offline', 0, 'No reply')
  })
  if (response.status === 404) return undefined
  if (!response.ok) throw new ProblemError('unknown', response.status, '')
  return new Uint8Array(await response.arrayBuffer())
}

/** Evidence in the fragment of an address, which no browser sends to a server. */
export function shareUrl({ facts, subject, proof }: EntryEvidence): URL {
  const shared = new TextEncoder().encode(
    JSON.stringify({ facts, ...(subject === undefined ? {} : { subject }), proof }),
  )
  const base64 = btoa(Array.from(shared, (byte) => String.fromCharCode(byte)).join(''))
  const url = vaultUrl('verify')
  url.hash = base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  return url
}

export type SharedEvidence = Pick<EntryEvidence, 'facts' | 'subject' | 'proof'>

/** Inverse of `shareUrl`; `undefined` for what is no shared evidence. */
export function readShared(hash: string): SharedEvidence | undefined {
  try {
    const base64 = hash.replace(/^#/, '').replaceAll('-', '+').replaceAll('_', '/')
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
    const read: Partial<SharedEvidence> | null = JSON.parse(new TextDecoder().decode(bytes))
    if (typeof read?.facts !== 'string' || typeof read.proof !== 'string') return undefined
    return {
      facts: read.facts,
      proof: read.proof,
      ...(typeof read.subject === 'string' ? { subject: read.subject } : {}),
    }
  } catch {
    return undefined
  }
}

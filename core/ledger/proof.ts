/** Evidence that an entry is in the log, as one text file that verifies offline (C2SP tlog-proof). */
import { sizeOf } from './checkpoint.ts'
import { opens, SLOTS, type Slot } from './leaf.ts'
import type { LogReader } from './ledger.ts'
import { HASH_BYTES, inclusionProof, isIncluded, leafHash, TILE_WIDTH } from './merkle.ts'
import { decodeBase64 } from './note.ts'
import { parseBundle } from './tiles.ts'

/** The file is no proof, or does not prove what it says. */
export class ProofInvalid extends Error {
  readonly code = 'proof-invalid'
}

/** Salts by the slot of the entry that each opens; the values lie with whoever may see them. */
export type Openings = { readonly [Name in Slot]?: string }

export interface LogProof {
  readonly index: number
  /** From the sibling of the leaf upwards. */
  readonly path: readonly Uint8Array[]
  /** Signed note, which a key of the log has still to verify. */
  readonly checkpoint: string
  /** What is proven, and what opens it. Nothing signs this part: `checkProof` holds it to the path. */
  readonly entry: Uint8Array
  readonly openings: Openings
  /** The line of policy facts, where the proof carries it; `checkProof` holds it to the entry. */
  readonly facts?: string
}

const HEAD = 'c2sp.org/tlog-proof@v1\n'
const MAX_CHARACTERS = 262_144
const MAX_HASHES = 63

/** Proof that entry `index` is in the tree of the signed `checkpoint`, which the log has reached. */
export async function proveEntry(
  log: Pick<LogReader, 'tile' | 'bundle'>,
  {
    index,
    checkpoint,
    openings,
    facts,
  }: { index: number; checkpoint: string; openings: Openings; facts?: string | undefined },
): Promise<string> {
  const size = sizeOf(checkpoint)
  const path = await inclusionProof(index, size, (level, tile, width) => log.tile(level, tile, width))
  const number = Math.floor(index / TILE_WIDTH)
  // Of the last bundle a copy of the log has this width only.
  const bundle = await log.bundle(number, Math.min(TILE_WIDTH, size - number * TILE_WIDTH))
  const entry = bundle && parseBundle(bundle)?.[index % TILE_WIDTH]
  if (entry === undefined) throw new RangeError('no such entry')
  return writeProof({ index, path, checkpoint, entry, openings, ...(facts !== undefined && { facts }) })
}

/** `extra` is the base64 of `{"entry": base64, "openings": {slot: salt}, "facts": line}`. */
function writeProof({ index, path, checkpoint, entry, openings, facts }: LogProof): string {
  const extra = JSON.stringify({ entry: Buffer.from(entry).toString('base64'), openings, facts })
  const hashes = path.map((hash) => `${Buffer.from(hash).toString('base64')}\n`)
  return `${HEAD}extra ${Buffer.from(extra).toString('base64')}\nindex ${index}\n${hashes.join('')}\n${checkpoint}`
}

/** Takes a proof apart without believing it. Throws `ProofInvalid`. */
export function parseProof(text: string): LogProof {
  if (text.length > MAX_CHARACTERS) throw new ProofInvalid('the proof is too long')
  if (!text.startsWith(HEAD)) throw new ProofInvalid('the file is no tlog-proof')
  const end = text.indexOf('\n\n')
  if (end < 0) throw new ProofInvalid('the proof has no checkpoint')
  const lines = text.slice(HEAD.length, end).split('\n')
  const extra = lines[0]?.startsWith('extra ') === true ? lines.shift()?.slice(6) : undefined
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? '')?.[1]
  if (index === undefined || !Number.isSafeInteger(Number(index)))
    throw new ProofInvalid('the proof names no index')
  if (lines.length > MAX_HASHES) throw new ProofInvalid('the proof has too many hashes')
  const path = lines.map((line) => {
    const hash = decodeBase64(line)
    if (hash?.length !== HASH_BYTES) throw new ProofInvalid('a hash of the proof is malformed')
    return hash
  })
  return { index: Number(index), path, checkpoint: text.slice(end + 2), ...parseExtra(extra) }
}

function parseExtra(extra: string | undefined): Pick<LogProof, 'entry' | 'openings' | 'facts'> {
  if (extra === undefined) throw new ProofInvalid('the proof does not carry the entry it proves')
  const read = parseJson(decodeBase64(extra)?.toString() ?? '')
  const { entry, openings = {}, facts } = isRecord(read) ? read : {}
  const bytes = typeof entry === 'string' ? decodeBase64(entry) : undefined
  if (!bytes || !isRecord(openings) || (facts !== undefined && typeof facts !== 'string'))
    throw new ProofInvalid('the extra line of the proof is malformed')
  const salts: { [Name in Slot]?: string } = {}
  for (const slot of SLOTS) {
    const salt = openings[slot]
    if (salt !== undefined && typeof salt !== 'string')
      throw new ProofInvalid('the extra line of the proof is malformed')
    if (salt !== undefined) salts[slot] = salt
  }
  return { entry: bytes, openings: salts, ...(facts !== undefined && { facts }) }
}

/**
 * Holds a proof to a tree head whose signature was verified, and the values to the entry. Throws `ProofInvalid`
 * when the entry is not in the tree, or commits to another value in one of these slots.
 */
export function checkProof(
  { index, path, entry, openings, facts }: LogProof,
  tree: { size: number; root: Uint8Array },
  values: { readonly [Name in Slot]?: string } = {},
): void {
  if (!isIncluded(leafHash(entry), index, path, tree))
    throw new ProofInvalid(`entry ${index} is not in the tree of the checkpoint`)
  if (facts !== undefined && !opens(entry, 'ops', openings.ops ?? '', facts))
    throw new ProofInvalid(`entry ${index} commits to other facts than the proof tells`)
  for (const slot of SLOTS) {
    const value = values[slot]
    if (value !== undefined && !opens(entry, slot, openings[slot] ?? '', value))
      throw new ProofInvalid(`entry ${index} commits to another ${slot} than this`)
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

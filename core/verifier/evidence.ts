/** Evidence of single entries: what an entry commits to, and the file that proves it is in the log. */
import { concat, fromBase64, isEqual, sha256, utf8, type Bytes } from './bytes.ts'
import { NotProven, openCheckpoint, type LogKey, type TreeHead } from './checkpoint.ts'
import { isIncluded, leafHash } from './tree.ts'

/** The four digests of an entry, in their places (docs/auditor.md, "What an entry is"). */
const slots = ['ops', 'subject', 'who', 'data'] as const
export type Slot = (typeof slots)[number]

/** Whether the entry commits to this value in exactly this slot, under this salt. */
export async function commitsTo(
  entry: Uint8Array,
  slot: Slot,
  salt: string,
  value: string,
): Promise<boolean> {
  if (entry.length !== 129 || entry[0] !== 1 || salt.length !== 22) return false
  const at = 1 + 32 * slots.indexOf(slot)
  return isEqual(entry.slice(at, at + 32), await sha256(utf8(`${slot}:${salt}:${value}`)))
}

export interface Proof {
  readonly index: number
  readonly path: readonly Bytes[]
  readonly checkpoint: string
  readonly entry: Bytes
  /** Salts by slot. */
  readonly openings: { readonly [Name in Slot]?: string }
}

/** Takes a `.tlog-proof` file (C2SP tlog-proof) apart without believing it. Throws `NotProven`. */
export function readProof(text: string): Proof {
  const pattern =
    /^c2sp\.org\/tlog-proof@v1\n(?:extra (\S+)\n)?index (0|[1-9]\d{0,15})\n((?:[\w+/]{43}=\n){0,63})\n([^]+)$/
  const [, extra = '', index, hashes = '', checkpoint = ''] = pattern.exec(text) ?? []
  if (index === undefined) throw new NotProven('the file is no proof of a log')
  const path = hashes.split('\n').slice(0, -1).map(fromBase64)
  const { entry, openings } = readExtra(extra)
  if (entry === undefined || path.includes(undefined)) throw new NotProven('the proof is malformed')
  return { index: Number(index), path: path as Bytes[], checkpoint, entry, openings }
}

function readExtra(extra: string): { entry: Bytes | undefined; openings: Proof['openings'] } {
  const nothing = { entry: undefined, openings: {} }
  const bytes = fromBase64(extra)
  if (bytes === undefined) return nothing
  try {
    const read: { entry?: unknown; openings?: Record<string, unknown> } | null = JSON.parse(
      new TextDecoder().decode(bytes),
    )
    const salts = slots.flatMap((slot) => {
      const salt = read?.openings?.[slot]
      return typeof salt === 'string' ? [[slot, salt]] : []
    })
    const entry = typeof read?.entry === 'string' ? fromBase64(read.entry) : undefined
    return { entry: entry && concat(entry), openings: Object.fromEntries(salts) as Proof['openings'] }
  } catch {
    return nothing
  }
}

/**
 * Checks a proof whole: the log's signature, the place of the entry in the signed tree, and that the entry commits to
 * these values. Resolves to the signed head; throws `NotProven` with the first thing that does not hold.
 */
export async function checkProof(
  proof: Proof,
  key: LogKey,
  values: { readonly [Name in Slot]?: string } = {},
): Promise<TreeHead> {
  const head = await openCheckpoint(proof.checkpoint, key)
  if (!(await isIncluded(await leafHash(proof.entry), proof.index, proof.path, head)))
    throw new NotProven(`entry ${proof.index} is not in the signed tree`)
  for (const slot of slots) {
    const value = values[slot]
    if (value !== undefined && !(await commitsTo(proof.entry, slot, proof.openings[slot] ?? '', value)))
      throw new NotProven(`entry ${proof.index} commits to another ${slot} than this`)
  }
  return head
}

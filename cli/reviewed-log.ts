/** Runs through every opened entry of a verified log, in order, at one checkpoint. */
import { TILE_WIDTH } from '#core/ledger/merkle.ts'
import { askVault, auditorKey, vaultOf } from './auditor-key.ts'
import { CommandFailed, EXIT } from './exit.ts'
import { isAddress, type LogSource } from './log-source.ts'
import {
  openingsIn,
  openingsOf,
  openingsPath,
  proveOpenings,
  type ProvenEntry,
  type ReadOpenings,
} from './openings.ts'
import type { Output } from './output.ts'
import { verifySource, type Verified, type VerifyOptions } from './verification.ts'

export interface ReviewOptions extends VerifyOptions {
  /** Why; the vault demands it, and tells the customers. */
  readonly reason?: string
  readonly keyFile?: string
  /** Goes on although entries stay closed. */
  readonly partial?: boolean
}

export interface Reviewed extends Verified {
  /** Entries that were opened. */
  readonly opened: number
}

export interface ReviewParts {
  readonly output: Output
  readonly stateFolder: string
}

/**
 * Verifies the log whole and tells `see` of every opened entry on the way. What `see` was told is proven once this has
 * resolved, not before. Throws `CommandFailed`: failed for what does not hold, finding for entries that nobody opened.
 */
export async function reviewLog(
  source: LogSource,
  options: ReviewOptions,
  {
    output,
    stateFolder,
    see,
    asked,
    kept,
    keep,
  }: ReviewParts & {
    see: (entry: ProvenEntry) => void
    /** What opens the entries, where it was opened before. */
    asked?: ReadOpenings
    /** Whole bundles that were opened before are not asked for again. */
    kept?: ReadOpenings
    /** Told of the openings of each bundle, as text. */
    keep?: (file: string, text: string) => Promise<void>
  },
): Promise<Reviewed> {
  const openings = asked ?? (await openOpenings(source, options, stateFolder))
  let opened = 0
  try {
    const verified = await verifySource(source, options, {
      stateFolder,
      async onBundle(first, leaves, size) {
        const bundle = first / TILE_WIDTH
        const before = leaves.length === TILE_WIDTH ? await kept?.(bundle, TILE_WIDTH) : undefined
        const text = before ?? (await openings(bundle, leaves.length))
        const entries = text === undefined ? [] : proveOpenings(text, first, leaves)
        for (const entry of entries) see(entry)
        opened += entries.length
        if (text !== undefined) await keep?.(openingsPath(bundle, leaves.length), text)
        output.progress(first + leaves.length, size)
      },
    })
    const { size } = verified.report.checkpoint
    if (opened < size && options.partial !== true)
      throw new CommandFailed(
        EXIT.finding,
        `FINDING  not-opened: ${size - opened} of ${size} entries are not opened; what is not shown may hold anything (--partial goes on without them)`,
      )
    return { ...verified, opened }
  } finally {
    output.progress(0, 0)
  }
}

/** What opens the entries of this source. Throws `CommandFailed` (usage) without a reason for a vault. */
export async function openOpenings(
  source: LogSource,
  { reason, keyFile }: ReviewOptions,
  stateFolder: string,
): Promise<ReadOpenings> {
  if (!isAddress(source.name)) return openingsIn(source)
  if (reason === undefined)
    throw new CommandFailed(
      EXIT.usage,
      'give --reason: every look at a vault is logged with it, and customers read it',
    )
  const vault = vaultOf(source.name)
  return openingsOf(vault, { key: await auditorKey(vault, { file: keyFile, stateFolder }), reason })
}

export const NAMES_FILE = 'businesses.json'

/** Names of businesses as the operator tells them: no part of the log, and proven by nothing. Empty where there are none. */
export async function businessNames(
  source: LogSource,
  { keyFile }: Pick<ReviewOptions, 'keyFile'>,
  stateFolder: string,
): Promise<Map<string, string>> {
  const told = isAddress(source.name)
    ? await accountAt(vaultOf(source.name), { file: keyFile, stateFolder })
    : parsed(new TextDecoder().decode((await source.read(NAMES_FILE)) ?? new Uint8Array()))
  const businesses = typeof told === 'object' && told !== null && 'businesses' in told ? told.businesses : []
  const names = new Map<string, string>()
  for (const one of Array.isArray(businesses) ? (businesses as unknown[]) : [])
    if (typeof one === 'object' && one !== null && 'vendorId' in one && 'name' in one)
      names.set(String(one.vendorId), String(one.name).slice(0, 200))
  return names
}

async function accountAt(vault: string, from: Parameters<typeof auditorKey>[1]): Promise<unknown> {
  return askVault(vault, await auditorKey(vault, from), 'me')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

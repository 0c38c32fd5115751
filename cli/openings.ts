/**
 * Openings of log entries: one file of lines `{"index","facts","salt"}` per entry bundle, beside the tiles of a mirror or asked
 * of a vault by an auditor. Nothing in them is believed before it opens the public leaf.
 */
import { readFact } from '#core/domain/facts.ts'
import type { Fact } from '#core/domain/facts.ts'
import { opens } from '#core/ledger/leaf.ts'
import { TILE_WIDTH } from '#core/ledger/merkle.ts'
import { tilePath } from '#core/ledger/tiles.ts'
import { askVault } from './auditor-key.ts'
import { CommandFailed, EXIT } from './exit.ts'
import type { LogSource } from './log-source.ts'

/** An entry whose facts open its leaf. */
export interface ProvenEntry {
  readonly index: number
  /** The exact line that the leaf commits to. */
  readonly line: string
  readonly salt: string
  readonly fact: Fact
  /** The public entry. */
  readonly leaf: Uint8Array
}

/** Text of the openings of one bundle, as far as `width`; undefined where there are none. */
export type ReadOpenings = (bundle: number, width: number) => Promise<string | undefined>

export function openingsPath(bundle: number, width: number): string {
  return tilePath({ level: 'entries', index: bundle, width }).replace(/^tile\/entries/, 'openings')
}

export function openingsIn({ read }: LogSource): ReadOpenings {
  return async (bundle, width) => {
    const bytes = await read(openingsPath(bundle, width))
    return bytes && new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  }
}

const AT_ONCE = 4096

/** Asks the vault, many bundles at a time: each time one look, which the log and the customers are told of. */
export function openingsOf(vault: string, { key, reason }: { key: string; reason: string }): ReadOpenings {
  let block: { first: number; lines: Map<number, string> } | undefined
  return async (bundle, width) => {
    const from = bundle * TILE_WIDTH
    const first = from - (from % AT_ONCE)
    if (block?.first !== first) {
      const reply = await askVault(vault, key, 'openings', { reason, first, count: AT_ONCE })
      block = { first, lines: linesOf(vault, reply) }
    }
    const { lines } = block
    return Array.from({ length: width }, (_, i) => lines.get(from + i) ?? '').join('')
  }
}

function linesOf(vault: string, reply: unknown): Map<number, string> {
  const entries = isRecord(reply) && Array.isArray(reply['entries']) ? reply['entries'] : undefined
  if (entries === undefined)
    throw new CommandFailed(EXIT.unreachable, `${vault} answers, but not as a vault does`)
  const lines = new Map<number, string>()
  for (const entry of entries as unknown[]) {
    if (!isRecord(entry) || typeof entry['index'] !== 'number') continue
    const { index, facts, salt } = entry
    if (salt === undefined)
      throw new CommandFailed(
        EXIT.usage,
        'The invitation shows parts of facts only, and parts cannot be proven: ask the operator for one without --fields',
      )
    lines.set(index, `${JSON.stringify({ index, facts, salt })}\n`)
  }
  return lines
}

/**
 * The openings of a bundle, each held against its leaf. Throws `CommandFailed` (failed) for a line that is none, is there twice or
 * out of order, belongs elsewhere, or tells anything but what the leaf commits to.
 */
export function proveOpenings(text: string, first: number, leaves: readonly Uint8Array[]): ProvenEntry[] {
  const lines = text.split('\n')
  if (lines.pop() !== '') throw failed(`openings from entry ${first} on: the last line is not whole`)
  let next = first
  return lines.map((line) => {
    const { index, facts, salt } = readLine(line, first)
    const leaf = leaves[index - first]
    if (index < next || leaf === undefined)
      throw failed(`openings from entry ${first} on: entry ${index} has no place here`)
    next = index + 1
    if (!opens(leaf, 'ops', salt, facts)) throw failed(`entry ${index} commits to other facts than these`)
    try {
      return { index, line: facts, salt, fact: readFact(facts), leaf }
    } catch (cause) {
      throw failed(`entry ${index} commits to a line that is no fact`, cause)
    }
  })
}

function readLine(line: string, first: number): { index: number; facts: string; salt: string } {
  try {
    const read: unknown = JSON.parse(line)
    if (isRecord(read) && Object.keys(read).join() === 'index,facts,salt') {
      const { index, facts, salt } = read
      if (Number.isSafeInteger(index) && typeof facts === 'string' && typeof salt === 'string')
        return { index: Number(index), facts, salt }
    }
  } catch {
    // Falls through: no opening either way.
  }
  throw failed(`openings from entry ${first} on: a line is malformed`)
}

function failed(message: string, cause?: unknown): CommandFailed {
  return new CommandFailed(EXIT.failed, `FAILED  ${message}`, { cause })
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

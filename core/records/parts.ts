import { hash } from 'node:crypto'
import { DomainError } from '#core/domain/errors.ts'
import type { Check, Commit, Json, KeyedRow, LedgerReader, Write } from '#core/ledger/ledger.ts'

/** A row as read, with its key and version: what a check needs. */
export type Stored<Value> = KeyedRow<Value>

/** What a record adds to the one commit of a use case. */
export type CommitParts = Commit

/**
 * The parts of one commit. The same check twice counts once; two versions of one key, or two writes to one
 * key, are a mistake in the use case and throw. At most one part brings counters, so that `counts` keeps its
 * order.
 */
export function combine(...parts: readonly CommitParts[]): Commit {
  const checks = new Map<string, Check>()
  const writes = new Map<string, Write>()
  for (const check of parts.flatMap((part) => part.checks ?? [])) {
    const seen = checks.get(check.key)
    if (seen !== undefined && seen.version !== check.version)
      throw new Error('a commit saw one key in two versions')
    checks.set(check.key, seen === undefined ? check : { ...check, ...earlierEnd(seen, check) })
  }
  for (const write of parts.flatMap((part) => part.writes ?? [])) {
    if (writes.has(write.key)) throw new Error('a commit writes one key twice')
    writes.set(write.key, write)
  }
  const counting = parts.filter((part) => (part.counters ?? []).length > 0)
  if (counting.length > 1) throw new Error('two parts of a commit bring counters')
  return {
    checks: [...checks.values()],
    counters: counting[0]?.counters ?? [],
    writes: [...writes.values()],
    entries: parts.flatMap((part) => part.entries ?? []),
    forget: parts.flatMap((part) => part.forget ?? []),
  }
}

function earlierEnd(one: Check, other: Check): { notAfter?: number } {
  const ends = [one.notAfter, other.notAfter].filter((end) => end !== undefined)
  return ends.length === 0 ? {} : { notAfter: Math.min(...ends) }
}

export function read<Value>(
  reader: Pick<LedgerReader, 'get'>,
  key: string,
): Promise<Stored<Value> | undefined> {
  return reader.get<Value>(key)
}

export function peek<Value>(reader: LedgerReader, key: string): Stored<Value> | undefined {
  return reader.peek<Value>(key)
}

/** Holds when the row is still the one that was read. */
export function unchanged(stored: Stored<unknown>): Check {
  return { key: stored.key, version: stored.version, row: stored }
}

export function absent(key: string): Check {
  return { key, version: 'absent' }
}

/** Holds when the key is still as it was found: in that version, or not there. */
export function asFound(key: string, stored: Stored<unknown> | undefined): Check {
  return { key, version: stored?.version ?? 'absent' }
}

/** A record is JSON by its schema; an interface has no index signature, so the compiler cannot see it. */
export function put(
  key: string,
  value: object,
  options: { customer?: string; expires?: number } = {},
): Write {
  return { key, value: value as Json, ...options }
}

export function remove(key: string): Write {
  return { key, value: undefined }
}

/** Key part that sorts by time, earliest first. Whole ms from 0 to the year 5138. */
export function ascending(time: number): string {
  if (!Number.isSafeInteger(time) || time < 0 || time > latest) throw new Error('not a time in ms')
  return String(time).padStart(14, '0')
}

/** Key part that sorts by time, latest first. */
export function descending(time: number): string {
  return ascending(latest - time)
}

export const latest = 99_999_999_999_999

/**
 * Part of a key made of an id that may come from outside: whatever it holds, it is no separator and not long.
 */
export function part(id: string): string {
  return /^[A-Za-z0-9_-]{1,100}$/.test(id) ? id : `~${hash('sha256', id, 'base64url')}`
}

/** One page of an index. `next` goes into `after` of the next call; absent on the last page. */
export interface Page<Value> {
  readonly rows: readonly Value[]
  readonly next?: string
}

/**
 * Walks an index whose rows hold ids, in key order, and reads what they point to. A cursor is the ending of a
 * key; one that cannot be ours is refused (`invalid-input`).
 */
export async function page<Value>(
  reader: LedgerReader,
  options: {
    prefix: string
    after?: string | undefined
    limit: number
    /** Told the key of a place that does not open: it is left out. Without it that throws. */
    onDamaged?: (key: string) => void
  },
  follow: (id: string) => Promise<Value | undefined>,
): Promise<Page<Value>> {
  const { prefix, after, limit, onDamaged } = options
  if (after !== undefined && !/^[0-9]{14}\/[A-Za-z0-9_-]{1,100}$/.test(after)) {
    const violations = [{ pointer: 'after', detail: 'not a cursor that was handed out' }]
    throw new DomainError('invalid-input', 'The cursor is not valid.', { violations })
  }
  const found = await reader.list<{ id: string }>(prefix, {
    limit: limit + 1,
    ...(after === undefined ? {} : { after: prefix + after }),
    ...(onDamaged === undefined ? {} : { onDamaged }),
  })
  const shown = found.slice(0, limit)
  const rows = await Promise.all(shown.map((row) => follow(row.value.id)))
  const last = shown.at(-1)
  const more = found.length > limit && last !== undefined
  return {
    rows: rows.filter((row) => row !== undefined),
    ...(more ? { next: last.key.slice(prefix.length) } : {}),
  }
}

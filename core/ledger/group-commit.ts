/** A commit as it waits: checked for form, its values already text, so that a later change of them changes nothing. */
import { CustomerErased, type CustomerKeys } from './customer-keys.ts'
import type { Check, Commit, CommitRefused, Committed, Counter, Entry, Forgotten } from './ledger.ts'
import { checkKey } from './stored-keys.ts'
import type { SealingKey } from './sealing.ts'

export interface PreparedWrite {
  readonly key: string
  /** JSON text; undefined deletes. */
  readonly text: string | undefined
  readonly expires: number
  /** The customer's key, or undefined for the key of the store. */
  readonly sealing: SealingKey | undefined
}

export interface PreparedCommit {
  readonly checks: readonly Check[]
  readonly counters: readonly Counter[]
  readonly writes: readonly PreparedWrite[]
  readonly entries: readonly Entry[]
  readonly forget: readonly Forgotten[]
  /** A key that it would seal for a customer who was erased. */
  readonly tooLate?: string
  /** Rough size in the log file; bounds a group. */
  readonly bytes: number
}

export type Verdict = Committed | CommitRefused

/** A commit in the queue. Settled once, when its group is durable or has failed. */
export interface Waiting {
  readonly commit: PreparedCommit
  readonly of: Submission
  /** Its place among those that were submitted with it. */
  readonly place: number
}

/** Commits that were submitted together and are answered together. */
export class Submission {
  readonly verdicts: (Committed | Error)[] = []
  readonly #answered = Promise.withResolvers<readonly (Committed | Error)[]>()
  #open: number

  constructor(commits: number) {
    this.#open = commits
    if (commits === 0) this.#answered.resolve(this.verdicts)
  }

  /** In the order of submission. */
  get answered(): Promise<readonly (Committed | Error)[]> {
    return this.#answered.promise
  }

  static settle({ of, place }: Waiting, verdict: Committed | Error): void {
    of.verdicts[place] = verdict
    if (--of.#open === 0) of.#answered.resolve(of.verdicts)
  }
}

/** Most entries of one group, and so of one commit. */
export const GROUP_ENTRIES = 1024
/** Most bytes of one group, roughly, and so of one commit. */
export const GROUP_BYTES = 4 * 1024 * 1024

const ENTRY_BYTES = 700
const NOTHING: readonly never[] = []

/**
 * Throws `TypeError` or `RangeError` for a commit that no ledger takes. Waits for a customer's new key to be durable;
 * a promise only then, so that the hot path stays one step.
 */
export function prepareCommit(commit: Commit, keys: CustomerKeys): PreparedCommit | Promise<PreparedCommit> {
  const { checks = NOTHING, counters = NOTHING, writes = NOTHING, entries = NOTHING } = commit
  const { forget = NOTHING } = commit
  // A row that was read has a key that one can have.
  for (const { key, row } of checks) if (row?.key !== key) checkKey(key)
  for (const { key } of counters) checkKey(key)
  for (const { threads } of entries) for (const thread of threads ?? NOTHING) checkKey(thread)
  for (const { thread, index } of forget) {
    checkKey(thread)
    if (!Number.isSafeInteger(index) || index < 0) throw new TypeError('an index is a whole number')
  }
  let bytes = entries.length * ENTRY_BYTES + counters.length * 64 + forget.length * 128
  if (entries.length > GROUP_ENTRIES || bytes > GROUP_BYTES) throw new RangeError('the commit is too large')
  if (writes.length === 0) return { checks, counters, entries, forget, bytes, writes: NOTHING }
  const texts = writes.map(({ key, value, expires }) => {
    checkKey(key)
    if (expires !== undefined && !isTime(expires)) throw new TypeError('expires must be a time in ms')
    const text = value === undefined ? undefined : JSON.stringify(value)
    bytes += key.length + (text?.length ?? 0) + 200
    return text
  })
  if (bytes > GROUP_BYTES) throw new RangeError('the commit is too large')
  const finish = (sealing: readonly (SealingKey | undefined)[]): PreparedCommit => ({
    checks,
    counters,
    entries,
    forget,
    bytes,
    writes: writes.map(({ key, expires = 0 }, i) => ({ key, text: texts[i], expires, sealing: sealing[i] })),
  })
  if (!writes.some(({ customer, value }) => customer !== undefined && value !== undefined))
    return finish(NOTHING)
  const prepared = Promise.all(
    writes.map(({ customer, value }) =>
      customer === undefined || value === undefined ? undefined : keys.customerKey(customer),
    ),
  ).then(finish, (error: unknown) => {
    if (!(error instanceof CustomerErased)) throw error
    const tooLate = writes.find(({ customer }) => customer === error.account)?.key ?? ''
    return { ...finish(NOTHING), tooLate }
  })
  // Awaited by nobody when another commit of the same call throws right here.
  prepared.catch(() => undefined)
  return prepared
}

const isTime = (n: number): boolean => Number.isSafeInteger(n) && n > 0 && n < 2 ** 48

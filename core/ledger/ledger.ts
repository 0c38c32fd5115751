/**
 * The ledger's port: state and log in one place, changed by `commit` and by nothing else.
 *
 * What every adapter promises (held to by test/contracts/ledger.ts):
 * - A commit happens whole or not at all. When its promise resolves, state, log entries, tiles and the signed
 *   checkpoint that covers them are durable and anchored outside the database.
 * - Commits are ordered. Checks are decided at the commit's place in that order, and see the writes of every
 *   commit before it, those of the same group included. The order of the log is the order of the commits.
 * - A failed check rejects its own commit with `CommitRefused` and leaves no trace of it.
 * - After a failed write nothing more is accepted (`LedgerStopped`): the state on disk is unknown until reopened.
 * - A version never comes back for a key, also not after a delete.
 * What is not promised: fairness between callers, or that a commit whose promise rejected with `LedgerStopped`
 * did not happen. It may be found, whole, after reopening.
 */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [member: string]: Json | undefined }

/** A stored value and the number of the commit that wrote it. Values are frozen: never change one in place. */
export interface Row<Value = Json> {
  readonly version: number
  readonly value: Value
}

export interface KeyedRow<Value = Json> extends Row<Value> {
  readonly key: string
}

/** What a commit saw and relies on. */
export interface Check {
  readonly key: string
  readonly version: number | 'absent'
  /** The row as it was read: spares the ledger looking for it. */
  readonly row?: KeyedRow<unknown>
  /** Unix time in ms, compared with the group's time when the order is decided: later is refused. */
  readonly notAfter?: number
}

/**
 * Raised by one per commit. Has no version, so parallel commits that raise it never conflict. It remembers the entry that came with
 * each raise, the first of its commit: `history` finds them by its key.
 */
export interface Counter {
  readonly key: string
  /** Refused (`exhausted`) when the value would rise above it. */
  readonly ceiling?: number
}

export interface Write {
  readonly key: string
  /** `undefined` deletes. */
  readonly value: Json | undefined
  /** Unix time in ms from which the row reads as absent; it is swept later. */
  readonly expires?: number
  /**
   * Seals the value under this customer's own key: once that is destroyed the row reads as absent, for checks as well, and
   * a commit that would write another one is refused (`changed`).
   */
  readonly customer?: string
}

/** Where a log entry stands; known only when its group is formed. `counts` follows the commit's `counters`. */
export interface Place {
  readonly index: number
  /** Group time, Unix ms: max(clock, time of the group before). */
  readonly time: number
  readonly counts: readonly number[]
}

/** The values one leaf commits to. A slot left out commits to the empty value. */
export interface Claims {
  /** Policy facts as one line of JSON; sealed once per group under the operator's key of the period. */
  readonly ops: string
  /** The pairwise id under which the business knows the customer. */
  readonly subject?: string
  /** The person; never stored, readable only with the secret. */
  readonly who?: string
  /** The exact text of `data` in the reply, or of the receipt. */
  readonly data?: string
  /** 32 random bytes in base64url from which the salts of subject, who and data derive; from the grant. */
  readonly secret?: string
}

export interface Entry {
  /** Runs inside the group, again only where that one is known not to have happened; quick, pure, must not throw. */
  readonly claims: (place: Place) => Claims
  /** Opaque ids (account, grant) under which `history` finds this entry again. */
  readonly threads?: readonly string[]
}

/** An entry that `history` no longer finds in this thread. The entry itself stays in the log, with all its openings. */
export interface Forgotten {
  readonly thread: string
  readonly index: number
}

export interface Commit {
  readonly checks?: readonly Check[]
  readonly counters?: readonly Counter[]
  readonly writes?: readonly Write[]
  readonly entries?: readonly Entry[]
  /** Of entries of earlier commits; what is not in the thread is no error. */
  readonly forget?: readonly Forgotten[]
}

/** 22 characters of base64url each; with them the holder proves what the public leaf commits to. */
export interface Salts {
  readonly subject: string
  readonly data: string
}

export interface Committed {
  /** Number of this commit: the version of every row it wrote. */
  readonly version: number
  /** Group time, Unix ms. */
  readonly time: number
  readonly counts: readonly number[]
  /** One per entry, in the commit's order. */
  readonly entries: readonly { readonly index: number; readonly salts: Salts }[]
  /** Signed note (C2SP tlog-checkpoint) that covers every entry of this commit. */
  readonly checkpoint: string
}

export type RefusalReason = 'changed' | 'too-late' | 'exhausted'

/** A check did not hold at the commit's place in the order. Read again and decide again. */
export class CommitRefused extends Error {
  readonly code = 'conflict'
  readonly key: string
  readonly reason: RefusalReason
  constructor(key: string, reason: RefusalReason) {
    super(`commit refused: ${reason}`)
    this.key = key
    this.reason = reason
  }
}

/** The queue is full or the database away: nothing happened, try later (HTTP 503 with Retry-After). */
export class LedgerBusy extends Error {
  readonly code = 'ledger-busy'
}

/** A write failed or the ledger is closed: nothing more is accepted until it is opened again. */
export class LedgerStopped extends Error {
  readonly code = 'ledger-stopped'
}

/** The data on disk is not what this ledger acknowledged: opening or reading it is refused. */
export class LedgerDamaged extends Error {
  readonly code = 'ledger-damaged'
}

/** Another process has the ledger open. */
export class LedgerInUse extends Error {
  readonly code = 'ledger-in-use'
}

/** Ledger, keys, anchor and origin do not belong together. */
export class LedgerForeign extends Error {
  readonly code = 'ledger-foreign'
}

/** An entry of a thread with its policy facts opened. */
export interface HistoryItem {
  readonly index: number
  readonly ops: string
  /** Opens the slot `ops` of the public entry: with it whoever is told the facts can prove them. */
  readonly salt: string
}

export interface HistoryOptions {
  /** Keys of counters: the entries that came with their raises are told as well. */
  readonly counters?: readonly string[]
  readonly before?: number
  readonly limit?: number
}

export interface ListOptions {
  readonly after?: string | undefined
  readonly limit?: number
  readonly onDamaged?: (key: string) => void
}

/** Reads state. What only reads takes this type and cannot commit. */
export interface LedgerReader {
  /** `undefined`: never written, deleted or expired. Throws `LedgerDamaged` for a value that does not open. */
  get<Value = Json>(key: string): Promise<KeyedRow<Value> | undefined>
  /**
   * The row when it is at hand without I/O; says nothing when it is not. For the hot path before `get`, and behind it for a
   * moment where others write too: what it gives is good for a check of a commit, which decides.
   */
  peek<Value = Json>(key: string): KeyedRow<Value> | undefined
  /** Whether the row, as read here, is still what `get` would give. Without I/O; `false` when that cannot be told. */
  isNewest(row: KeyedRow<unknown>): boolean
  /** Whether `get` would give nothing. Without I/O; `false` when that cannot be told. */
  isAbsent(key: string): boolean
  /**
   * Rows under a prefix in key order (by UTF-8 bytes), beginning behind `after`; without `limit` all of them. `onDamaged` is
   * told of each row that does not open, which is then left out; without it the first one throws `LedgerDamaged`.
   */
  list<Value = Json>(prefix: string, options?: ListOptions): Promise<KeyedRow<Value>[]>
  /** Current value of a counter; 0 when it was never raised. */
  count(key: string): Promise<number>
  /** Entries of a thread, each once, newest first, below index `before`. Opens sealed facts: callers decide who may see. */
  history(thread: string, options?: HistoryOptions): Promise<HistoryItem[]>
  /**
   * Entries `first` up to below `first + count` with their sealed facts opened, in the order of the log and without a
   * hole; fewer where the newest checkpoint has fewer. Throws `LedgerDamaged` for one that is not what was logged.
   */
  openings(first: number, count: number): Promise<HistoryItem[]>
}

/** The public log: everything here may be shown to anybody (C2SP tlog-tiles). */
export interface LogReader {
  readonly origin: string
  /** Newest verifier key in note form: `<origin>+<key id>+<base64>`. */
  readonly vkey: string
  /** A signed note for each change from one key of the log to the next, oldest first. */
  readonly keyChanges: readonly string[]
  /** Newest durable signed checkpoint that this process has heard of. */
  checkpoint(): string
  /** The newest there is, also where other processes write the same log. */
  newest(): Promise<string>
  /** Hash tile of the tree of the newest checkpoint's size, or undefined where there is none of that width. */
  tile(level: number, index: number, width: number): Promise<Uint8Array | undefined>
  /** Entry bundle in wire form (uint16 length, entry), or undefined where there is none of that width. */
  bundle(index: number, width: number): Promise<Uint8Array | undefined>
}

export interface Ledger extends LedgerReader, AsyncDisposable {
  readonly log: LogReader
  /**
   * Rejects with `CommitRefused`, `LedgerBusy` or `LedgerStopped`; with `LedgerDamaged` when a row it checks is. A
   * commit that breaks the port's rules (a malformed key, claims that throw, more than 1024 entries or 4 MiB) is a bug
   * of its caller: rejected with that error, alone and without a trace.
   */
  commit(commit: Commit): Promise<Committed>
  /**
   * Each commit stands alone; verdicts in the order given. All are queued or, with `LedgerBusy` or `LedgerStopped`,
   * none. Rejects otherwise only with an error that is no verdict, after all others were decided.
   */
  commitEach(commits: readonly Commit[]): Promise<(Committed | CommitRefused)[]>
  /** Why nothing more is accepted; undefined while healthy. */
  readonly stopped: Error | undefined
}

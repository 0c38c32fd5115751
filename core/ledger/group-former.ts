/**
 * Forms groups: decides commits in queue order, numbers them, builds their entries and seals their rows. Memory runs
 * ahead of the disk here, so nothing of a group may be shown before it is durable, and a failed write ends it all.
 */
import { hash, randomUUID } from 'node:crypto'
import type { LogSigner } from './checkpoint.ts'
import type { KeyStore } from './key-store.ts'
import { buildLeaf, sealOps, type OpsKey } from './leaf.ts'
import {
  CommitRefused,
  LedgerDamaged,
  type Check,
  type Committed,
  type KeyedRow,
  type Salts,
} from './ledger.ts'
import type { DurableState, Group, Head, Operation, Snapshot, Written } from './group.ts'
import type { PreparedCommit, PreparedWrite, Waiting } from './group-commit.ts'
import { chainOf, type GroupRow } from './group-row.ts'
import {
  HEAD_KEY,
  boxKey,
  counterKey,
  entriesKey,
  expiryKey,
  groupKey,
  rowKey,
  threadKey,
  tileKey,
} from './stored-keys.ts'
import type { OpenedRow } from './row-values.ts'
import { TILE_WIDTH, hashesAt, leafHash, type GrowingTree } from './merkle.ts'
import { rowTag, sealRow, type RowHead } from './sealing.ts'
import { encodeRun, encodeTally, fullRuns, raise, tallyTag, type Tally } from './tally.ts'
import { writeBundle } from './tiles.ts'
import type { Raise, UnwrittenCounters } from './unwritten-counters.ts'

interface Draft {
  readonly time: number
  readonly first: number
  readonly ops: OpsKey
  readonly operations: Operation[]
  readonly rows: Map<string, OpenedRow | undefined>
  readonly tallies: Map<string, Tally>
  readonly raised: Raise[]
  readonly written: Written[]
  readonly claims: string[]
  /** What the row's digest covers, in order. */
  readonly changes: string[]
  /** Entries of the bundle that is still growing, and where they begin. */
  bundle: Buffer[]
  bundleFirst: number
  commits: number
  seals: number
}

const EMPTY = Buffer.alloc(0)

/** A counter that a commit raises. */
interface Raised {
  readonly key: string
  readonly tally: Tally
  /** What it is then. */
  readonly count: number
}

/** An entry that a commit adds, before it stands in the tree. */
interface Built {
  readonly index: number
  readonly leaf: Buffer
  readonly salts: Salts
  readonly ops: string
  readonly threads: readonly string[] | undefined
}

/** A row that a commit writes or deletes, and the one that stood there. */
interface SealedWrite {
  readonly key: string
  readonly row: OpenedRow | undefined
  readonly bytes: Buffer | undefined
  readonly before: RowHead | undefined
}

/** What a commit came to, but for the checkpoint: that is signed when its whole group is decided. */
type Decided = Omit<Committed, 'checkpoint'> & { checkpoint: string }

export class GroupFormer {
  readonly #signer: LogSigner
  readonly #keys: KeyStore
  readonly #rows: DurableState
  readonly #unwritten: UnwrittenCounters | undefined
  readonly #tree: GrowingTree
  #head: Head
  /** Rows of the group that is being written: ordered already, not yet visible to readers. */
  #before: Group['rows'] | undefined

  /** Without `unwritten` each group writes all counters that it raises. */
  constructor(start: {
    signer: LogSigner
    keys: KeyStore
    rows: DurableState
    unwritten?: UnwrittenCounters
    tree: GrowingTree
    head: Head
  }) {
    this.#signer = start.signer
    this.#keys = start.keys
    this.#rows = start.rows
    this.#unwritten = start.unwritten
    this.#tree = start.tree
    this.#head = start.head
  }

  get head(): Head {
    return this.#head
  }

  /** Decides and builds one group. `inFlight`: the group before, when it is not published yet. */
  form(
    waiting: readonly Waiting[],
    now: number,
    expired: readonly string[],
    inFlight: Group | undefined,
  ): Group {
    this.#before = inFlight?.rows
    const draft: Draft = {
      time: Math.max(now, this.#head.time),
      first: this.#tree.size,
      ops: this.#keys.current('ops'),
      operations: [],
      rows: new Map(),
      tallies: new Map(),
      raised: [],
      written: [],
      claims: [],
      changes: [],
      bundle: [],
      bundleFirst: this.#tree.size,
      commits: this.#head.commits,
      seals: this.#head.seals,
    }
    for (const key of expired) this.#sweep(key, draft)
    const decided = waiting.map((one) => [one, this.#decide(one.commit, draft)] as const)
    if (draft.commits > this.#head.commits || draft.operations.length > 0 || this.#head.group < 0)
      this.#close(draft)
    const { checkpoint } = this.#head
    return {
      operations: draft.operations,
      rows: draft.rows,
      tallies: draft.tallies,
      counts: Array.from(draft.tallies.values(), ({ ordered }) => ordered),
      written: draft.written,
      verdicts: decided.map((pair) => {
        const [, verdict] = pair
        if (!(verdict instanceof Error)) verdict.checkpoint = checkpoint
        return pair
      }),
      ...this.snapshot(),
    }
  }

  snapshot(): Snapshot {
    const { size } = this.#tree
    const { group, chain, checkpoint } = this.#head
    return {
      size,
      checkpoint,
      open: this.#tree.open.map((hashes) => [...hashes]),
      mark: { group, size, root: this.#tree.root(), chain },
    }
  }

  /** All that can fail comes first; from then on the commit is ordered and nothing throws. */
  #decide(commit: PreparedCommit, draft: Draft): Decided | Error {
    const { time } = draft
    const version = draft.commits + 1
    const first = this.#tree.size
    const raised: Raised[] = []
    const counts: number[] = []
    const built: Built[] = []
    let sealed: readonly SealedWrite[] = []
    try {
      if (commit.tooLate !== undefined) return new CommitRefused(commit.tooLate, 'changed')
      for (const check of commit.checks) {
        const refused = this.#refuse(check, draft)
        if (refused) return refused
      }
      for (const { key, ceiling } of commit.counters) {
        // A commit may raise a counter twice.
        const earlier = raised.findLast((one) => one.key === key)
        const tally = earlier?.tally ?? this.#tally(key, draft)
        const count = (earlier?.count ?? tally.ordered) + 1
        if (ceiling !== undefined && count > ceiling) return new CommitRefused(key, 'exhausted')
        raised.push({ key, tally, count })
        counts.push(count)
      }
      for (const entry of commit.entries) {
        const index = first + built.length
        const claims = entry.claims({ index, time, counts })
        const { leaf, salts } = buildLeaf(index, claims, draft.ops.secret)
        built.push({ index, leaf, salts, ops: claims.ops, threads: entry.threads })
      }
      if (commit.writes.length > 0) sealed = this.#seal(commit.writes, version, draft)
    } catch (error) {
      // A bug of the caller or a damaged row: this commit alone falls, nothing of it was ordered.
      return error instanceof Error ? error : new Error('a commit threw', { cause: error })
    }

    draft.commits = version
    const hasEntry = built.length > 0
    for (const { key, tally, count } of raised) {
      draft.tallies.set(key, tally)
      raise(tally, hasEntry ? first : undefined)
      if (!this.#unwritten) continue
      this.#unwritten.raised(key, tally, this.#head.group + 1)
      draft.raised.push([key, count, hasEntry ? first : -1])
    }
    for (const { key, row, bytes, before } of sealed) this.#write(key, row, bytes, before, draft)
    for (const { thread, index } of commit.forget)
      draft.operations.push([threadKey(thread, index), undefined])
    const entries: { index: number; salts: Salts }[] = []
    for (const { index, leaf, salts, ops, threads } of built) {
      if (threads) for (const thread of threads) draft.operations.push([threadKey(thread, index), EMPTY])
      this.#append(leaf, ops, draft)
      entries.push({ index, salts })
    }
    return { version, time, counts, entries, checkpoint: '' }
  }

  #seal(writes: readonly PreparedWrite[], version: number, draft: Draft): SealedWrite[] {
    const data = this.#keys.current('data')
    return writes.map(({ key, text, expires, sealing = data }) => {
      const before = this.#newest(key, draft)
      if (text === undefined) return { key, row: undefined, bytes: undefined, before }
      const row = { version, expires, keyName: sealing.name, text }
      return { key, row, bytes: sealRow(sealing, key, row), before }
    })
  }

  #refuse({ key, version, notAfter, row }: Check, draft: Draft): CommitRefused | undefined {
    const head = this.#newest(key, draft, row)
    const current = head && this.#rows.isLive(head, draft.time) ? head.version : 'absent'
    if (current !== version) return new CommitRefused(key, 'changed')
    return notAfter !== undefined && draft.time > notAfter ? new CommitRefused(key, 'too-late') : undefined
  }

  /** Newest ordered row: of this group, of the group in flight, of the disk. */
  #newest(key: string, draft: Draft, seen?: KeyedRow<unknown>): RowHead | undefined {
    // Groups of disclosures write no rows: then there is nothing to look for.
    if (draft.rows.size > 0 && draft.rows.has(key)) return draft.rows.get(key)
    const before = this.#before
    if (before !== undefined && before.size > 0 && before.has(key)) return before.get(key)
    return this.#rows.head(key, seen)
  }

  #tally(key: string, draft: Draft): Tally {
    return draft.tallies.get(key) ?? this.#rows.tally(key)
  }

  #write(
    key: string,
    row: OpenedRow | undefined,
    sealed: Buffer | undefined,
    stored: RowHead | undefined,
    draft: Draft,
  ): void {
    // A commit may write a key twice.
    const before = draft.rows.has(key) ? draft.rows.get(key) : stored
    if (before && before.expires !== 0 && before.expires !== row?.expires)
      draft.operations.push([expiryKey(before.expires, key), undefined])
    if (!row && !before) return
    draft.operations.push([rowKey(key), sealed])
    draft.rows.set(key, row)
    draft.changes.push(key, sealed ? rowTag(sealed) : '')
    if (!row) return
    draft.seals++
    if (row.expires !== 0) draft.operations.push([expiryKey(row.expires, key), EMPTY])
  }

  /** A rotten row stays for its reader to find; no reason to stop all others. */
  #sweep(key: string, draft: Draft): void {
    let row: RowHead | undefined
    try {
      row = this.#newest(key, draft)
    } catch (error) {
      if (error instanceof LedgerDamaged) return
      throw error
    }
    if (row && row.expires !== 0 && row.expires <= draft.time)
      this.#write(key, undefined, undefined, row, draft)
  }

  #append(leaf: Buffer, ops: string, draft: Draft): void {
    draft.claims.push(ops)
    draft.bundle.push(leaf)
    this.#tree.push(leafHash(leaf), (level, index, tile) =>
      draft.operations.push([tileKey(level, index), tile]),
    )
    if (this.#tree.size % TILE_WIDTH === 0) this.#flushBundle(draft)
  }

  /** Entries of a group are stored per bundle, so that a bundle is the concatenation of one key range. */
  #flushBundle(draft: Draft): void {
    if (draft.bundle.length > 0)
      draft.operations.push([entriesKey(draft.bundleFirst), writeBundle(draft.bundle)])
    draft.bundle = []
    draft.bundleFirst = this.#tree.size
  }

  #close(draft: Draft): void {
    const { size } = this.#tree
    const root = this.#tree.root()
    let { checkpoint } = this.#head
    if (draft.claims.length > 0) {
      this.#flushBundle(draft)
      if (hashesAt(1, size) > hashesAt(1, draft.first)) this.#storeOpenTiles(draft)
      const box = sealOps(draft.ops, this.#signer.origin, draft.first, draft.claims)
      draft.seals++
      draft.changes.push(rowTag(box))
      draft.operations.push([boxKey(draft.first), box])
    }
    if (draft.claims.length > 0 || checkpoint === '')
      checkpoint = this.#signer.sign({ size, root, time: draft.time })
    if (checkpoint !== this.#head.checkpoint) draft.operations.push([HEAD_KEY, Buffer.from(checkpoint)])
    this.#writeCounters(draft)
    this.#head = this.#closeRow(draft, root, checkpoint)
  }

  #writeCounters(draft: Draft): void {
    if (this.#unwritten === undefined)
      for (const [key, tally] of draft.tallies) this.#writeCounter(key, tally, draft)
    else
      for (const counter of this.#unwritten.due(this.#head.group + 1)) {
        const { key, tally } = counter
        const before = tally.inRuns
        this.#writeCounter(key, tally, draft)
        draft.written.push({ counter, inRuns: tally.inRuns - before })
      }
  }

  #writeCounter(key: string, tally: Tally, { operations, changes }: Draft): void {
    for (const run of fullRuns(tally)) operations.push(encodeRun(key, run))
    const stored = encodeTally(key, tally)
    changes.push(tallyTag(stored))
    operations.push([counterKey(key), stored])
  }

  #storeOpenTiles({ operations }: Draft): void {
    this.#tree.open.forEach((hashes, level) => {
      if (level === 0 || hashes.length === 0) return
      operations.push([tileKey(level, hashesAt(level + 1, this.#tree.size)), Buffer.concat(hashes)])
    })
  }

  #closeRow(draft: Draft, root: Buffer, checkpoint: string): Head {
    const { time, commits, seals, operations, changes } = draft
    const group = this.#head.group + 1
    let { bytes } = this.#head
    for (const [key, value] of operations) bytes += key.length + (value?.length ?? 0) + 16
    const row: GroupRow = {
      size: this.#tree.size,
      root: root.toString('base64'),
      time,
      commits,
      seals,
      bytes,
      digest: hash('sha256', changes.join('\0'), 'base64'),
      previous: this.#head.chain.toString('base64'),
      id: randomUUID(),
      ...(draft.raised.length > 0 && { raised: draft.raised }),
      ...(this.#unwritten?.since !== undefined && { raisedSince: this.#unwritten.since }),
    }
    const text = JSON.stringify(row)
    operations.push([groupKey(group), Buffer.from(text)])
    return { group, chain: chainOf(group, text), time, commits, seals, bytes, checkpoint }
  }
}

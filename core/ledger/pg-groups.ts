/**
 * Groups of one replica, in turn with those of all others. There is no leader: whoever holds the lock of the head row
 * first learns what the others wrote, then decides its own commits by what is in the database, then writes them.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Anchor, Mark } from './anchor.ts'
import type { LogSigner } from './checkpoint.ts'
import { Expiry } from './expiry.ts'
import type { Waiting } from './group-commit.ts'
import { GroupFormer } from './group-former.ts'
import type { DurableState, Group, Snapshot } from './group.ts'
import type { KeyStore } from './key-store.ts'
import { LedgerDamaged } from './ledger.ts'
import { ConnectionLost, PgDatabase, connect } from './pg-database.ts'
import { catchUp, recover } from './recovery.ts'
import { isLive } from './row-values.ts'
import { readRowHead, type RowHead } from './sealing.ts'
import { counterKey, groupKey, rowKey } from './stored-keys.ts'
import { decodeTally, newTally, type Tally } from './tally.ts'

export interface GroupsParts {
  readonly url: string
  readonly part: string
  readonly signer: LogSigner
  readonly keys: KeyStore
  readonly anchor: Anchor
  readonly now: () => number
  /** How long a lost connection is tried again, in ms. */
  readonly patience: number
  /** Others have written: what was read before may be old. */
  readonly onOthers: () => void
}

const RETRY_MS = 50

export class PgGroups {
  readonly #parts: GroupsParts
  #client: pg.Client | undefined
  #db: PgDatabase | undefined
  #expiry: Expiry | undefined
  /** Undefined when memory may be ahead of the database; then it is read again. */
  #former: GroupFormer | undefined
  /** The newest group that is known to be durable. */
  #known: Mark
  #time = 0
  #turn: Promise<unknown> = Promise.resolve()
  #prefetched: ReadonlyMap<string, Buffer> = new Map()
  readonly #state: DurableState = {
    head: (key) => this.#headOf(key),
    isLive: (row, time) => isLive(this.#parts.keys, row, time),
    tally: (key) => this.#tallyOf(key),
  }

  constructor(parts: GroupsParts, known: Mark) {
    this.#parts = parts
    this.#known = known
  }

  /** Time of the newest group known, Unix ms. */
  get time(): number {
    return this.#time
  }

  /**
   * Decides and commits one group; durable when it resolves. A group that is known not to have happened is decided again.
   * Rejects with `ConnectionLost` when nobody can be asked whether it happened.
   */
  form(take: () => Waiting[]): Promise<Group> {
    let waiting: Waiting[] | undefined
    return this.#alone(() => this.#patiently(() => this.#transact(() => (waiting ??= take()))))
  }

  /** Learns what others wrote since; undefined when that is nothing. */
  follow(): Promise<Snapshot | undefined> {
    return this.#alone(async () => {
      try {
        const db = await this.#connected()
        await this.#parts.keys.refresh()
        if (!(await this.#learn(db)) || !this.#former) return undefined
      } catch (error) {
        if (error instanceof ConnectionLost) this.#disconnect()
        throw error
      }
      const snapshot = this.#former.snapshot()
      await this.#mark(snapshot.mark)
      return snapshot
    })
  }

  /** Keeps outside the database what is acknowledged or shown from now on. */
  anchor(mark: Mark): Promise<void> {
    return this.#alone(() => this.#mark(mark))
  }

  /** Resolves when the last step has ended and the connection is closed. */
  close(): Promise<void> {
    return this.#alone(async () => {
      await this.#client?.end().catch(() => undefined)
      this.#client = undefined
    })
  }

  async #mark(mark: Mark): Promise<void> {
    const { anchor } = this.#parts
    if (!anchor.last || mark.group > anchor.last.group) await anchor.write(mark)
  }

  #alone<Result>(step: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(step, step)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async #patiently<Result>(step: () => Promise<Result>): Promise<Result> {
    const end = performance.now() + this.#parts.patience
    for (;;)
      try {
        return await step()
      } catch (error) {
        if (!(error instanceof ConnectionLost) || performance.now() > end) throw error
        this.#disconnect()
        await sleep(RETRY_MS)
      }
  }

  /** The next step connects anew, perhaps to a server that took over without the newest groups: it is held against what is known. */
  #disconnect(): void {
    this.#client?.end().catch(() => undefined)
    this.#client = undefined
    this.#former = undefined
  }

  async #connected(): Promise<PgDatabase> {
    if (this.#client && this.#db) return this.#db
    this.#client = await connect(this.#parts.url)
    this.#db = new PgDatabase(this.#client, this.#parts.part)
    this.#expiry = new Expiry(this.#db)
    return this.#db
  }

  async #transact(take: () => Waiting[]): Promise<Group> {
    const { keys, now } = this.#parts
    const db = await this.#connected()
    // Before the lock, so that whoever was away for long holds up nobody.
    await this.#learn(db)
    await keys.refresh()
    const expired = (await this.#expiry?.due(Math.max(now(), this.#time))) ?? []
    let group: Group
    let time = 0
    try {
      const newest = await db.beginAlone()
      const former = await this.#formerAt(db, newest)
      const progress = { time: Math.max(now(), former.head.time), seals: former.head.seals }
      if (keys.isDue(progress)) await keys.renew(progress)
      const waiting = take()
      this.#prefetched = await db.heads(keysOf(waiting, expired))
      group = former.form(waiting, now(), expired, undefined)
      time = former.head.time
      if (group.operations.length > 0) await db.write(group.operations, group.mark.group)
    } catch (error) {
      this.#former = undefined
      await db.rollback()
      throw error
    }
    if (group.operations.length === 0) {
      await db.rollback()
      await this.#mark(group.mark)
      return group
    }
    try {
      await db.commit()
    } catch (error) {
      this.#former = undefined
      if (!(error instanceof ConnectionLost) || !(await this.#patiently(() => this.#happened(group))))
        throw error
    }
    this.#know(group.mark, time)
    return group
  }

  /** Whether the group whose commit got no answer is in the database. */
  async #happened(group: Group): Promise<boolean> {
    this.#disconnect()
    const db = await this.#connected()
    // Its turn has come when the server is done with the transaction, either way.
    await db.beginAlone()
    const stored = await db.get(groupKey(group.mark.group))
    await db.rollback()
    return stored !== undefined && group.operations.at(-1)?.[1]?.equals(stored) === true
  }

  /** Whether others had written. */
  async #learn(db: PgDatabase): Promise<boolean> {
    if (this.#former && (await db.group()) === this.#known.group) return false
    await db.atOnce(async () => this.#formerAt(db, await db.group()))
    return true
  }

  async #formerAt(db: PgDatabase, newest: number): Promise<GroupFormer> {
    // A key is kept before it signs anything. Whoever holds the lock, or sees what it signed, finds it: nobody signs with the old one
    // alone behind a checkpoint of the new one, and no checkpoint of another process is one of a stranger.
    this.#parts.keys.readNewLogKeys()
    if (this.#former && newest === this.#known.group) return this.#former
    const { signer, keys, onOthers } = this.#parts
    const anchored = this.#known
    const former = newest > anchored.group ? this.#former : undefined
    const from = former && { head: former.head, ...former.snapshot() }
    const { head, tree } =
      (from && (await catchUp(db, { signer, from }))) ??
      (await recover(db, { signer, anchored, tailBytes: 0, isShared: true }))
    if (head.group !== newest)
      throw new LedgerDamaged(`the head row is at group ${newest}, the database at ${head.group}`)
    this.#former = new GroupFormer({ signer, keys, rows: this.#state, tree, head })
    this.#know(this.#former.snapshot().mark, head.time)
    onOthers()
    return this.#former
  }

  #know(mark: Mark, time: number): void {
    this.#known = mark
    this.#time = time
  }

  #headOf(key: string): RowHead | undefined {
    const bytes = this.#prefetched.get(rowKey(key))
    return bytes && readRowHead(bytes)
  }

  #tallyOf(key: string): Tally {
    const bytes = this.#prefetched.get(counterKey(key))
    return bytes ? decodeTally(key, bytes) : newTally()
  }
}

/** What the decision about these commits depends on. */
function keysOf(waiting: readonly Waiting[], expired: readonly string[]): string[] {
  const keys = new Set(expired.map(rowKey))
  for (const { commit } of waiting) {
    for (const { key } of commit.checks) keys.add(rowKey(key))
    for (const { key } of commit.writes) keys.add(rowKey(key))
    for (const { key } of commit.counters) keys.add(counterKey(key))
  }
  return [...keys]
}

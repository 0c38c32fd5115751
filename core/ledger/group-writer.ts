/**
 * The queue and the one writer behind it. No timer: a group is whatever queued while the one before was written, and still
 * comes in with each turn of the event loop.
 * Exactly one write is in flight; while it is, a long queue is already made into the next group.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { LedgerBusy, LedgerStopped, type Committed } from './ledger.ts'
import { GROUP_BYTES, GROUP_ENTRIES, Submission, type PreparedCommit, type Waiting } from './group-commit.ts'
import type { Group } from './group.ts'

export interface WriterParts {
  readonly limits: { readonly queue: number; readonly group: number }
  /** Decides one group: `take` gives the commits for it, once. `inFlight`: the group before, not published yet. */
  readonly form: (take: () => Waiting[], inFlight: Group | undefined) => Promise<Group>
  /** Resolves when the group is durable and anchored. Not called for a group that changes nothing. */
  readonly write: (group: Group) => Promise<void>
  /** Shows a durable group to readers. */
  readonly publish: (group: Group) => void
}

/** Waiting commits may hold this much memory, roughly. */
const QUEUE_BYTES = 128 * 1024 * 1024
/** What a request brings at the end of a turn, such as behind the check of its signature, is seen in the next. */
const QUIET_TURNS = 2
/** Where the group before was of several: with fewer turns groups fall apart as soon as the machine has other work. */
const QUIET_TURNS_OF_MANY = 4
/** So many that wait are a group worth its sync. */
const GATHERED = 128
/** So long at most whoever came first waits for those behind, in ms: where turns are slow, one in each would hold all up. */
const GATHERING_MS = 20
/** From this length on (or a full group) the queue is made into a group before the write in flight has ended. */
const EARLY = 256

interface InFlight {
  readonly group: Group
  readonly written: Promise<void>
}

export class GroupWriter {
  readonly #parts: WriterParts
  #queue: Waiting[] = []
  #queuedBytes = 0
  /** Commits of the newest group. */
  #together = 0
  /** Taken from the queue, not yet part of a group. */
  #taken: Waiting[] = []
  #running: Promise<void> | undefined
  #stopped: LedgerStopped | undefined
  #failure: Error | undefined

  constructor(parts: WriterParts) {
    this.#parts = parts
  }

  /** Why nothing more is accepted. */
  get stopped(): LedgerStopped | undefined {
    return this.#stopped
  }

  /** Takes all of the commits or none: throws `LedgerBusy` or `LedgerStopped`. Verdicts in the order given. */
  submit(commits: readonly PreparedCommit[]): Promise<readonly (Committed | Error)[]> {
    this.admit(commits.length)
    const of = new Submission(commits.length)
    for (const [place, commit] of commits.entries()) {
      this.#queuedBytes += commit.bytes
      this.#queue.push({ commit, of, place })
    }
    this.#running ??= this.#run()
    return of.answered
  }

  /** Throws when so many commits would not be taken now. */
  admit(commits: number): void {
    if (this.#stopped) throw this.#stopped
    if (this.#queue.length + commits > this.#parts.limits.queue || this.#queuedBytes > QUEUE_BYTES)
      throw new LedgerBusy('too many commits are waiting')
  }

  /** Takes nothing more and resolves when what waits is written. */
  async close(): Promise<void> {
    this.#stopped ??= new LedgerStopped('the ledger is closed')
    await this.#running
  }

  /** Takes nothing more and answers nobody: something is wrong below. */
  fail(cause: Error): void {
    this.#failure ??= cause
    if (!this.#running) this.#stop(cause)
  }

  async #run(): Promise<void> {
    let inFlight: InFlight | undefined
    let formed: Group | undefined
    const early = Math.min(EARLY, this.#parts.limits.group)
    try {
      for (;;) {
        await this.#gather()
        if (this.#failure) throw this.#failure
        if (!inFlight && this.#queue.length === 0) break
        if (this.#queue.length > 0 && (!inFlight || this.#queue.length >= early))
          formed = await this.#form(inFlight)
        if (inFlight) {
          await inFlight.written
          this.#settle(inFlight.group)
          inFlight = undefined
        }
        if (!formed) continue
        inFlight = { group: formed, written: this.#write(formed) }
        formed = undefined
      }
    } catch (error) {
      this.#stop(error, inFlight?.group, formed)
    }
    this.#running = undefined
  }

  /**
   * Whoever was just answered, or comes in meanwhile, gets into the next group: as long as turns of the event loop bring
   * more, the processor is what all of them wait for, and half as many groups leave it more time. Who is alone waits for
   * `QUIET_TURNS` that bring nobody, and nobody for long.
   */
  async #gather(): Promise<void> {
    const turns = this.#together > 1 ? QUIET_TURNS_OF_MANY : QUIET_TURNS
    const until = performance.now() + GATHERING_MS
    let quiet = 0
    do {
      const before = this.#queue.length
      await nextTurn()
      quiet = this.#queue.length > before ? 0 : quiet + 1
    } while (quiet < turns && this.#queue.length < GATHERED && performance.now() < until)
  }

  async #form(inFlight: InFlight | undefined): Promise<Group> {
    const group = await this.#parts.form(() => (this.#taken = this.#take()), inFlight?.group)
    this.#taken = []
    return group
  }

  #take(): Waiting[] {
    let entries = 0
    let bytes = 0
    let count = 0
    for (const { commit } of this.#queue) {
      entries += commit.entries.length
      bytes += commit.bytes
      if (
        count > 0 &&
        (count >= this.#parts.limits.group || entries > GROUP_ENTRIES || bytes > GROUP_BYTES)
      ) {
        bytes -= commit.bytes
        break
      }
      count++
    }
    this.#queuedBytes -= bytes
    this.#together = count
    return this.#queue.splice(0, count)
  }

  #write(group: Group): Promise<void> {
    const written = group.operations.length === 0 ? Promise.resolve() : this.#parts.write(group)
    // Awaited later, by then it may have failed long ago.
    written.catch(() => undefined)
    return written
  }

  #settle(group: Group): void {
    this.#parts.publish(group)
    for (const [waiting, verdict] of group.verdicts) Submission.settle(waiting, verdict)
  }

  /** Memory is ahead of a disk whose state is unknown: nobody may be answered any more, waiting or new. */
  #stop(cause: unknown, ...groups: (Group | undefined)[]): void {
    const stopped = new LedgerStopped(
      'a write failed or the disk is damaged: the ledger must be opened again',
      { cause },
    )
    this.#stopped = stopped
    for (const group of groups)
      for (const [waiting] of group?.verdicts ?? []) Submission.settle(waiting, stopped)
    for (const waiting of [...this.#taken.splice(0), ...this.#queue.splice(0)])
      Submission.settle(waiting, stopped)
    this.#queuedBytes = 0
  }
}

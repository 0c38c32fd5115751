import type { RefusalCounts, RefusalReason } from '#core/domain/facts.ts'
import { every } from '#core/jobs/every.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Commit, Ledger } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'
import { grantEntry } from '#core/records/entries.ts'
import { readGrant } from '#core/records/grants.ts'
import type { Grant } from '#schemas/types.gen.ts'

const HOUR = 3_600_000
const MINUTE = 60_000
const COMMITS_AT_ONCE = 256

/** Grants counted at once: what an hour may hold in memory. Beyond, an hour has more than one entry for a grant. */
const MOST_GRANTS = 50_000

type Counts = { [Reason in RefusalReason]?: number }

/**
 * Counts refusals of authenticated requests and writes one entry per grant and hour. Not inline: one token and a list of
 * strangers would otherwise write a permanent entry each, and logging only known subjects would tell, by its time, which
 * are known. Subjects that this business does not have are a number and nothing else.
 */
export class RefusalLog implements AsyncDisposable {
  readonly #ledger: Ledger
  readonly #now: () => number
  readonly #log: Logger
  #hour: number
  /** By grant id. */
  #counted = new Map<string, Counts>()
  #unknown = 0
  readonly #clock: AsyncDisposable
  #written = Promise.resolve()

  constructor(options: { ledger: Ledger; now: () => number; log: Logger }) {
    this.#ledger = options.ledger
    this.#now = options.now
    this.#log = options.log
    this.#hour = hourOf(options.now())
    this.#clock = every(MINUTE, () => this.#flushIfOver())
  }

  count(grant: Pick<Grant, 'grantId'>, reason: RefusalReason): void {
    void this.#flushIfOver()
    const counts = this.#counted.get(grant.grantId) ?? {}
    counts[reason] = (counts[reason] ?? 0) + 1
    this.#counted.set(grant.grantId, counts)
    if (this.#counted.size >= MOST_GRANTS) void this.flush()
  }

  countUnknown(): void {
    this.#unknown++
  }

  async #flushIfOver(): Promise<void> {
    if (hourOf(this.#now()) !== this.#hour) await this.flush()
  }

  /** Writes what was counted. Never rejects: a ledger that cannot write is reported by whoever serves requests. */
  async flush(): Promise<void> {
    const from = this.#hour
    const counted = [...this.#counted]
    const unknown = this.#unknown
    this.#hour = hourOf(this.#now())
    this.#counted = new Map()
    this.#unknown = 0
    if (unknown > 0) this.#log.info('unknown-subjects', { count: unknown })
    this.#written = this.#written.then(() => this.#write(counted, from))
    await this.#written
  }

  async #write(counted: readonly (readonly [string, Counts])[], from: number): Promise<void> {
    try {
      for (let at = 0; at < counted.length; at += COMMITS_AT_ONCE) {
        const some = counted.slice(at, at + COMMITS_AT_ONCE)
        const commits = await Promise.all(some.map((one) => this.#commitOf(one, from)))
        const outcomes = await this.#ledger.commitEach(commits.filter((commit) => commit !== undefined))
        const refused = outcomes.find((one) => one instanceof CommitRefused)
        if (refused !== undefined) throw refused
      }
    } catch (error) {
      this.#log.error('refusals-not-recorded', { count: counted.length }, error)
    }
  }

  /** Nothing for a grant that can no longer be read: its customer was forgotten meanwhile. */
  async #commitOf([grantId, counts]: readonly [string, Counts], from: number): Promise<Commit | undefined> {
    const grant = await readGrant(this.#ledger, grantId)
    if (grant === undefined) return undefined
    const told: RefusalCounts = { ...counts }
    return { entries: [grantEntry(grant.value, { type: 'disclosures-refused', from, counts: told })] }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clock[Symbol.asyncDispose]()
    await this.flush()
  }
}

function hourOf(time: number): number {
  return time - (time % HOUR)
}

import type { RefusalCounts, RefusalReason } from '#core/domain/facts.ts'
import { every } from '#core/jobs/every.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Commit, Ledger } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'
import { grantEntry } from '#core/records/entries.ts'
import type { Grant } from '#schemas/types.gen.ts'

const HOUR = 3_600_000
const MINUTE = 60_000
const COMMITS_AT_ONCE = 256

interface Counted {
  readonly grant: Grant
  readonly counts: { [Reason in RefusalReason]?: number }
}

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
  #counted = new Map<string, Counted>()
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

  count(grant: Grant, reason: RefusalReason): void {
    void this.#flushIfOver()
    const counted = this.#counted.get(grant.grantId) ?? { grant, counts: {} }
    counted.counts[reason] = (counted.counts[reason] ?? 0) + 1
    this.#counted.set(grant.grantId, counted)
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
    const counted = [...this.#counted.values()]
    const unknown = this.#unknown
    this.#hour = hourOf(this.#now())
    this.#counted = new Map()
    this.#unknown = 0
    if (unknown > 0) this.#log.info('unknown-subjects', { count: unknown })
    this.#written = this.#written.then(() => this.#write(counted, from))
    await this.#written
  }

  async #write(counted: readonly Counted[], from: number): Promise<void> {
    try {
      for (let at = 0; at < counted.length; at += COMMITS_AT_ONCE) {
        const commits = counted.slice(at, at + COMMITS_AT_ONCE).map((one) => commitOf(one, from))
        const refused = (await this.#ledger.commitEach(commits)).find((one) => one instanceof CommitRefused)
        if (refused !== undefined) throw refused
      }
    } catch (error) {
      this.#log.error('refusals-not-recorded', { count: counted.length }, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clock[Symbol.asyncDispose]()
    await this.flush()
  }
}

function commitOf({ grant, counts }: Counted, from: number): Commit {
  const told: RefusalCounts = { ...counts }
  return { entries: [grantEntry(grant, { type: 'disclosures-refused', from, counts: told })] }
}

function hourOf(time: number): number {
  return time - (time % HOUR)
}

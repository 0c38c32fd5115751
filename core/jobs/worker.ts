import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Json, Ledger } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'
import { buryJob, finishJob, leaseJob, listDueJobs, readPayload, retryJob } from '#core/records/jobs.ts'
import type { Ticket } from '#core/records/jobs.ts'
import type { CommitParts, Stored } from '#core/records/parts.ts'
import { every } from './every.ts'

/** What a handler gets. The same job may come twice: doing it again must change nothing. */
export interface Job {
  readonly id: string
  readonly payload: Json
  /** 1 at first. */
  readonly attempt: number
  /** Aborts when the lease runs out: from then on somebody else may do the job. */
  readonly signal: AbortSignal
}

export type JobHandlers = { readonly [Kind in string]: (job: Job) => Promise<void> }

export interface Jobs extends AsyncDisposable {
  /** Tells that a job was enqueued in this process. */
  wake(): void
  /** Resolves when nothing is due and nothing runs; what waits for a later attempt is not waited for. */
  settle(): Promise<void>
}

export interface JobOptions {
  /** Jobs at once. */
  readonly width?: number
  readonly leaseMs?: number
  readonly pollMs?: number
  /** After so many failures a job is laid aside. */
  readonly mostAttempts?: number
  /** Wait after the first failure; doubled by each further one. */
  readonly backoffMs?: number
  readonly mostBackoffMs?: number
}

interface JobPorts {
  readonly ledger: Ledger
  readonly handlers: JobHandlers
  readonly now: () => number
  /** From 0 to 1, such as `Math.random`: spreads what failed together. */
  readonly random: () => number
  readonly log: Logger
}

/**
 * Runs the jobs of a ledger: leased by compare-and-set, tried again with exponential backoff and jitter, laid
 * aside after too many failures. Several processes may run one queue; each does the kinds it has a handler
 * for. Disposal begins nothing new and waits for what runs.
 */
export function startJobs(ports: JobPorts, options: JobOptions = {}): Jobs {
  const { ledger, log } = ports
  const settings = { ...defaults, ...options }
  let stopping = false
  let pass: Promise<void> | undefined
  let wokenMeanwhile = false

  const isGoing = (): boolean => !stopping && ledger.stopped === undefined
  const isOurs = (ticket: Stored<Ticket>): boolean => ports.handlers[ticket.value.kind] !== undefined

  const runDue = async (): Promise<void> => {
    while (isGoing()) {
      wokenMeanwhile = false
      const due = (await listDueJobs(ledger, ports.now(), looked)).filter(isOurs).slice(0, settings.width)
      if (due.length === 0) return
      await Promise.all(due.map((ticket) => runJob(ports, settings, ticket)))
    }
  }
  const run = (): Promise<void> => {
    wokenMeanwhile = true
    pass ??= runDue()
      .catch((error: unknown) => log.error('jobs-failed', {}, error))
      .then(async () => {
        pass = undefined
        // Woken between the last look and here: look again, or the job would wait for the poll.
        if (wokenMeanwhile && isGoing()) await run()
      })
    return pass
  }
  const polling = every(settings.pollMs, run)
  return {
    wake: () => void run(),
    settle: run,
    async [Symbol.asyncDispose]() {
      stopping = true
      await polling[Symbol.asyncDispose]()
      await pass
    },
  }
}

/** Tickets looked at for kinds of ours: those of other processes stand in the same queue. */
const looked = 200

const defaults = {
  width: 4,
  leaseMs: 60_000,
  pollMs: 5_000,
  mostAttempts: 12,
  backoffMs: 1_000,
  mostBackoffMs: 3_600_000,
}

/** Never rejects but with what means the ledger is gone. */
async function runJob(
  ports: JobPorts,
  settings: Required<JobOptions>,
  ticket: Stored<Ticket>,
): Promise<void> {
  const { ledger, now, random, log } = ports
  const { kind, id } = ticket.value
  const { parts, leased: row } = leaseJob(ticket, now() + settings.leaseMs)
  const lease = await tryCommit(ledger, parts)
  if (lease === undefined) return
  const leased = { ...row, version: lease.version }
  const attempt = leased.value.attempts
  let canTryAgain = attempt < settings.mostAttempts
  try {
    const handler = ports.handlers[kind]
    const payload = await readPayload(ledger, id)
    if (handler === undefined || payload === undefined) {
      // Sealed under a key that was destroyed: it does not come back.
      canTryAgain = false
      throw new Error('nothing to do this job with')
    }
    await handler({ id, payload, attempt, signal: AbortSignal.timeout(settings.leaseMs) })
    await tryCommit(ledger, finishJob(leased))
  } catch (error) {
    if (ledger.stopped !== undefined) throw error
    log.warn(canTryAgain ? 'job-failed' : 'job-laid-aside', { job: kind, attempt }, error)
    const wait =
      Math.min(settings.backoffMs * 2 ** (attempt - 1), settings.mostBackoffMs) * (0.5 + random() / 2)
    await tryCommit(ledger, canTryAgain ? retryJob(leased, now() + Math.ceil(wait)) : buryJob(leased))
  }
}

/** `undefined`: somebody else has the job. */
async function tryCommit(ledger: Ledger, parts: CommitParts): Promise<{ version: number } | undefined> {
  try {
    return await ledger.commit(parts)
  } catch (error) {
    if (error instanceof CommitRefused) return undefined
    throw error
  }
}

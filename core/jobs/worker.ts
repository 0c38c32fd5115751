import type { Json, Ledger } from '#core/ledger/ledger.ts'
import { tryCommit } from '#core/ledger/try-commit.ts'
import type { Logger } from '#core/logger.ts'
import {
  buryJob,
  finishJob,
  leaseJob,
  listDueJobs,
  nextDue,
  readPayload,
  retryJob,
} from '#core/records/jobs.ts'
import type { Ticket } from '#core/records/jobs.ts'
import type { Stored } from '#core/records/parts.ts'
import { startSlots } from './slots.ts'
import type { SlotFinder, Slots, Task } from './slots.ts'

/** What a handler gets. The same job may come twice: doing it again must change nothing. */
export interface Job {
  readonly id: string
  readonly payload: Json
  /** 1 at first. */
  readonly attempt: number
  /** Aborts when the lease runs out: from then on somebody else may do the job. */
  readonly signal: AbortSignal
}

export type JobHandlers = {
  readonly [Kind in string]: {
    readonly run: (job: Job) => Promise<void>
    /** What may be slow as one, such as the host it calls; without it all jobs of the kind are one. */
    readonly laneOf?: (payload: Json) => Promise<string | undefined>
  }
}

export type Jobs = Slots

export interface JobOptions {
  /** Jobs at once. */
  readonly width?: number
  /** Of these, at most so many of one lane. */
  readonly perLane?: number
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
 * for. What is slow holds up only its own lane. Disposal begins nothing new and waits for what runs.
 */
export function startJobs(ports: JobPorts, options: JobOptions = {}): Jobs {
  const { ledger, handlers, log } = ports
  const settings = { ...defaults, ...options }

  const laneOf = async ({ kind, id }: Ticket): Promise<string> => {
    const handler = handlers[kind]
    try {
      const payload = handler?.laneOf === undefined ? undefined : await readPayload(ledger, id)
      const lane = payload === undefined ? undefined : await handler?.laneOf?.(payload)
      return lane === undefined ? kind : `${kind} ${lane}`
    } catch {
      // A row that cannot be read fails when it runs, and is laid aside then: it must not stop all others here.
      return kind
    }
  }

  /** Where the last look broke off: behind more than `mostLooked` that wait for their lanes others stand, too. */
  let brokeOff: string | undefined

  /** Looks past what waits for a lane, each time as far as `mostLooked`, and at the end of the queue from its front again. */
  const find: SlotFinder = async (fits) => {
    const found: Task[] = []
    let after = brokeOff
    let isWhole = after === undefined
    brokeOff = undefined
    for (let looked = 0; looked < mostLooked;) {
      const due = await listDueJobs(ledger, ports.now(), { limit: lookedAtOnce, after })
      for (const ticket of due) {
        if (handlers[ticket.value.kind] === undefined) continue
        const task = { id: ticket.value.id, lane: await laneOf(ticket.value) }
        if (fits(task)) found.push({ ...task, run: () => runJob(ports, settings, ticket) })
        if (found.length === settings.width) return found
      }
      looked += due.length
      after = due.at(-1)?.key
      if (due.length === lookedAtOnce) continue
      if (isWhole) return found
      isWhole = true
      after = undefined
    }
    brokeOff = after
    return found
  }

  let alarm: NodeJS.Timeout | undefined

  /** A job with a time of its own runs at that time: done at the beat of the polls it would be known from what people do. */
  const setAlarm = async (): Promise<void> => {
    const next = await nextDue(ledger, ports.now())
    clearTimeout(alarm)
    const wait = next === undefined ? Infinity : next - ports.now()
    if (wait < settings.pollMs) alarm = setTimeout(slots.wake, wait).unref()
  }

  const slots = startSlots({
    async find(fits) {
      const found = await find(fits)
      if (found.length === 0) await setAlarm()
      return found
    },
    isGoing: () => ledger.stopped === undefined,
    onError: (error) => log.error('jobs-failed', {}, error),
    width: settings.width,
    perLane: settings.perLane,
    pollMs: settings.pollMs,
  })
  return {
    ...slots,
    async [Symbol.asyncDispose]() {
      await slots[Symbol.asyncDispose]()
      clearTimeout(alarm)
    },
  }
}

/** Tickets looked at in one go, and in one look: those of other processes and of full lanes stand in the same queue. */
const lookedAtOnce = 200
const mostLooked = 1_000

const defaults = {
  width: 16,
  perLane: 4,
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
    await handler.run({ id, payload, attempt, signal: AbortSignal.timeout(settings.leaseMs) })
    await tryCommit(ledger, finishJob(leased))
  } catch (error) {
    if (ledger.stopped !== undefined) throw error
    log.warn(canTryAgain ? 'job-failed' : 'job-laid-aside', { job: kind, attempt }, error)
    const wait =
      Math.min(settings.backoffMs * 2 ** (attempt - 1), settings.mostBackoffMs) * (0.5 + random() / 2)
    await tryCommit(ledger, canTryAgain ? retryJob(leased, now() + Math.ceil(wait)) : buryJob(leased))
  }
}

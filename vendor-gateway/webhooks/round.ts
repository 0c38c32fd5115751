import type { Ledger } from '#core/ledger/ledger.ts'
import { tryCommit } from '#core/ledger/try-commit.ts'
import type { Logger } from '#core/logger.ts'
import { combine } from '#core/records/parts.ts'
import type { Stored } from '#core/records/parts.ts'
import { readVendorStanding } from '#core/records/vendors.ts'
import {
  damagedIsGone,
  dropDelivery,
  failDelivery,
  listWaiting,
  readDelivery,
  recordAttempt,
  threadOf,
} from '#core/records/webhook-deliveries.ts'
import type { Waiting } from '#core/records/webhook-deliveries.ts'
import {
  changeEndpoint,
  disableEndpoint,
  failing,
  listEndpoints,
  readEndpoint,
  recovered,
  unreadable,
} from '#core/records/webhook-endpoints.ts'
import type { WebhookEndpoint } from '#core/records/webhook-endpoints.ts'
import {
  endRound,
  isLeftBehind,
  leaveDue,
  planRound,
  readRound,
  takeRound,
} from '#core/records/webhook-rounds.ts'
import type { DueRound, WebhookRound } from '#core/records/webhook-rounds.ts'
import { inParallel } from '../vendor/parallel.ts'
import { messageBody } from './message.ts'
import type { Send } from './sender.ts'

const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000]
/** Waits between the twelve attempts of a message, three days in all; chance shortens each by up to a fifth. */
const retryWaits = [
  5 * second,
  30 * second,
  2 * minute,
  10 * minute,
  30 * minute,
  hour,
  3 * hour,
  6 * hour,
  12 * hour,
  day,
  day,
]
/** How long an endpoint rests after rounds that got nothing through. */
const rests = [10 * second, 30 * second, 2 * minute, 10 * minute, 30 * minute, hour]
const longestRest = hour
/** An endpoint that let nothing through, or did not prove its new address, for so long is disabled. */
const disabledAfter = 5 * day
const lookAgain = minute

/** Longer than a slice with the last answer in it. */
const leaseMs = 40 * second
/** A round makes way for others after so long, however much waits. */
const sliceMs = 20 * second
/** Grants at once. */
const lanes = 4
const pageRows = 200
/** Messages that fail together without one that gets through: the endpoint rests. */
const failuresToRest = 3

export interface RoundParts {
  readonly ledger: Ledger
  readonly send: Send
  /** Unix ms. */
  readonly now: () => number
  /** From 0 to 1. */
  readonly random: () => number
  readonly log: Logger
  /** Told the key of what cannot be read. */
  readonly onDamaged: (key: string) => void
  /** Aborts when this process ends: what is under way then was no attempt. */
  readonly stop: AbortSignal
}

/** For a `catch`: what does not open is told of, and as good as gone. */
const toldAsGone =
  ({ onDamaged }: Pick<RoundParts, 'onDamaged'>, key: string) =>
  (error: unknown): undefined => {
    damagedIsGone(error)
    onDamaged(key)
  }

type Next = { readonly runAt: number; readonly restUntil?: number | undefined } | undefined

/** Works off an endpoint's line for a while: in order per grant, several grants at once. */
export async function runRound(parts: RoundParts, due: DueRound): Promise<void> {
  const { ledger, now } = parts
  const endpointId = due.value.id
  const found = await readRound(ledger, endpointId).catch(toldAsGone(parts, `webhook-round/${endpointId}`))
  if (isLeftBehind(due, found)) return await planAnew(parts, due)
  if (found === undefined || found.value.runAt > now()) return
  const { parts: lease, taken } = takeRound(found, now() + leaseMs)
  const leased = await tryCommit(ledger, lease)
  if (leased === undefined) return
  const next = await workOff(parts, taken)
  if (await tryCommit(ledger, endRound({ key: found.key, value: taken, version: leased.version }, next)))
    return
  // Something was put in line meanwhile, or the lease ran out and it is somebody else's.
  for (;;) {
    const again = await readRound(ledger, endpointId)
    if (again === undefined || again.value.lease !== taken.lease) return
    const restUntil = again.value.restUntil === undefined ? undefined : next?.restUntil
    if (await tryCommit(ledger, endRound(again, { runAt: Math.max(now(), restUntil ?? 0), restUntil })))
      return
  }
}

/**
 * The round of a place that was left behind did not open: what waits for its endpoint is due, a moment later than the place
 * that goes. Nothing happens where the place has gone already, as with a round that somebody else took.
 */
async function planAnew({ ledger, now }: RoundParts, due: DueRound): Promise<void> {
  const { id, vendorId } = due.value
  const endpoints = await listEndpoints(ledger, vendorId)
  const endpoint = endpoints.find(({ value }) => value.endpointId === id)?.value
  const place = endpoint && { endpointId: id, vendorId, endpoint: endpoint.name }
  const planned = place === undefined ? {} : await planRound(ledger, place, { now: now() + 1 })
  await tryCommit(ledger, combine(leaveDue(due), planned))
}

async function workOff(parts: RoundParts, round: WebhookRound): Promise<Next> {
  const { ledger, now } = parts
  const [stored, standing] = await Promise.all([
    readEndpoint(ledger, round.vendorId, round.endpoint),
    readVendorStanding(ledger, round.vendorId),
  ])
  if (stored === unreadable) return await clear(parts, round, 'fail')
  // Deleted, or made anew under the same name.
  const endpoint = stored?.value.endpointId === round.endpointId ? stored : undefined
  if (endpoint === undefined || standing === undefined || standing.value.state === 'removed')
    return await clear(parts, round, 'drop')
  if (endpoint.value.state === 'disabled') return await clear(parts, round, 'fail')
  if (endpoint.value.state === 'unproven' && isDead(endpoint.value, now())) {
    await disable(parts, endpoint, endpoint.value)
    return { runAt: now() }
  }
  if (standing.value.state !== 'active' || endpoint.value.state !== 'proven')
    return { runAt: now() + lookAgain }
  const slice = new Slice(parts, endpoint.value)
  await slice.run()
  const { state } = await recordHealth(parts, endpoint, slice)
  return state === 'disabled' ? { runAt: now() } : slice.next()
}

/** Nobody takes these any more. */
async function clear(
  { ledger, now, onDamaged }: RoundParts,
  { endpointId }: WebhookRound,
  how: 'drop' | 'fail',
): Promise<Next> {
  const end = now() + sliceMs
  for (;;) {
    const waiting = await listWaiting(ledger, endpointId, { limit: pageRows, onDamaged })
    if (waiting.length === 0) return undefined
    if (now() > end) return { runAt: now() }
    for (const row of waiting) {
      const delivery = await readDelivery(ledger, row.value.id).catch(
        toldAsGone({ onDamaged }, `webhook-delivery/${row.value.id}`),
      )
      const fails = how === 'fail' && delivery !== undefined
      await tryCommit(ledger, fails ? failDelivery(delivery, now()) : dropDelivery(row, delivery))
    }
  }
}

/** Remembers how the endpoint does, when that is news. */
async function recordHealth(
  { ledger, now, log }: RoundParts,
  endpoint: Stored<WebhookEndpoint>,
  { delivered, failed, gone }: Slice,
): Promise<WebhookEndpoint> {
  const before = endpoint.value
  const tried =
    delivered > 0
      ? before.failures > 0
        ? recovered(before)
        : before
      : failed > 0
        ? failing(before, now())
        : before
  if (gone || isDead(tried, now())) return await disable({ ledger, log }, endpoint, tried)
  // A business that changes it at this moment wins.
  const isKept = tried === before || (await tryCommit(ledger, changeEndpoint(endpoint, tried))) === undefined
  return isKept ? before : tried
}

const isDead = ({ failingSince }: WebhookEndpoint, now: number): boolean =>
  failingSince !== undefined && now - failingSince > disabledAfter

async function disable(
  { ledger, log }: Pick<RoundParts, 'ledger' | 'log'>,
  endpoint: Stored<WebhookEndpoint>,
  tried: WebhookEndpoint,
): Promise<WebhookEndpoint> {
  const next = disableEndpoint(tried)
  if ((await tryCommit(ledger, changeEndpoint(endpoint, next))) === undefined) return endpoint.value
  log.warn('webhook-endpoint-disabled', {})
  return next
}

/** What one round does, and how it went. */
class Slice {
  delivered = 0
  failed = 0
  gone = false
  #soonest: number | undefined
  #restUntil: number | undefined
  #cut = false
  readonly #blocked = new Set<string>()
  readonly #parts: RoundParts
  readonly #endpoint: WebhookEndpoint
  readonly #end: number

  constructor(parts: RoundParts, endpoint: WebhookEndpoint) {
    this.#parts = parts
    this.#endpoint = endpoint
    this.#end = parts.now() + sliceMs
  }

  async run(): Promise<void> {
    const { ledger, onDamaged } = this.#parts
    for (let after: string | undefined; ;) {
      const page = await listWaiting(ledger, this.#endpoint.endpointId, { limit: pageRows, after, onDamaged })
      const threads = [...Map.groupBy(page, threadOf)]
      await inParallel(threads, lanes, ([thread, rows]) => this.#workOff(thread, rows))
      if (this.#isOver() || page.length < pageRows) return
      after = page.at(-1)?.key
    }
  }

  /** When to go on. */
  next(): Next {
    const { now } = this.#parts
    if (this.#restUntil !== undefined) return { runAt: this.#restUntil, restUntil: this.#restUntil }
    if (this.#cut) return { runAt: now() }
    return this.#soonest === undefined ? undefined : { runAt: this.#soonest }
  }

  #isOver(): boolean {
    if (this.#parts.now() > this.#end || this.#parts.stop.aborted) this.#cut = true
    return this.#cut || this.gone || this.#restUntil !== undefined
  }

  /** One grant, in order: behind a message that did not get through the others wait. */
  async #workOff(thread: string, rows: readonly Stored<Waiting>[]): Promise<void> {
    for (const row of rows) {
      if (this.#blocked.has(thread) || this.#isOver()) return
      if (row.value.nextAt > this.#parts.now()) this.#block(thread, row.value.nextAt)
      else await this.#deliver(thread, row)
    }
  }

  #block(thread: string, until: number): void {
    this.#blocked.add(thread)
    this.#soonest = Math.min(this.#soonest ?? until, until)
  }

  async #deliver(thread: string, row: Stored<Waiting>): Promise<void> {
    const { ledger, send, now, log } = this.#parts
    const { id } = row.value
    const stored = await readDelivery(ledger, id).catch(toldAsGone(this.#parts, `webhook-delivery/${id}`))
    if (stored === undefined) return void (await tryCommit(ledger, dropDelivery(row, undefined)))
    const { message, tries } = stored.value
    const { attempt, notBefore } = await send(this.#endpoint, { id: message.id, body: messageBody(message) })
    const { status } = attempt
    if (status === undefined && this.#parts.stop.aborted) return this.#block(thread, now())
    if (status !== undefined && status >= 200 && status < 300) {
      this.delivered += 1
      if (!(await tryCommit(ledger, recordAttempt(stored, attempt, { state: 'delivered' }))))
        this.#block(thread, now())
      return
    }
    this.failed += 1
    this.gone ||= status === 410
    const wait = retryWaits[tries]
    const fields = { attempt: tries + 1, status }
    if (wait === undefined) {
      log.warn('webhook-laid-aside', fields)
      await tryCommit(ledger, recordAttempt(stored, attempt, { state: 'failed' }))
    } else {
      log.info('webhook-failed', fields)
      const nextAt = Math.ceil(now() + wait * (1 - this.#parts.random() / 5))
      this.#block(thread, nextAt)
      await tryCommit(ledger, recordAttempt(stored, attempt, { nextAt }))
    }
    this.#rest(notBefore)
  }

  #rest(notBefore: number | undefined): void {
    const at = this.#parts.now()
    if (notBefore !== undefined) this.#restUntil = Math.min(notBefore, at + longestRest)
    else if (this.delivered === 0 && this.failed >= failuresToRest)
      this.#restUntil ??= at + (rests[this.#endpoint.failures] ?? longestRest)
  }
}

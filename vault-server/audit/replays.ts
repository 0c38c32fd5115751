/** Looks at the whole: how all consents stood at a moment, and counts over time. Replayed from the log, never from live state. */
import type { AuditFilter } from '#core/domain/audit.ts'
import { grantIn, vendorIn } from '#core/domain/audit.ts'
import type { Fact } from '#core/domain/facts.ts'
import { Replay } from '#core/domain/replay.ts'
import type { ReplayedGrant } from '#core/domain/replay.ts'
import { formatTime } from '#core/domain/times.ts'
import { sizeOf } from '#core/ledger/checkpoint.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { AuditCounts, AuditFilter as AskedFilter, AuditStates } from '#schemas/types.gen.ts'
import type { FactsReader } from './facts-reader.ts'
import { filterOf, invalid, recordLook, timeOf } from './looks.ts'
import type { Look } from './looks.ts'

export interface ReplayParts {
  readonly ledger: Ledger
  readonly facts: FactsReader
  readonly counts: CountedLog
  /** Unix ms. */
  readonly now: () => number
}

const statesAtOnce = 500
const dayMs = 86_400_000

/** How the consents that a filter covers stood at a moment. */
export async function states(
  { ledger, facts, counts, now }: ReplayParts,
  look: Look,
  asked: { filter?: AskedFilter; asOf?: string; after?: string },
): Promise<AuditStates> {
  // What the answer does not follow must not stand in its entry either: by that customers are told.
  if (asked.filter?.types !== undefined || asked.filter?.to !== undefined)
    throw invalid('/filter', 'consents are by business, purpose, grant and the day they were given')
  const filter = filterOf(look, asked.filter)
  const { asOf: moment = now() } = timeOf('asOf', '/asOf', asked.asOf)
  // What happened after the period of an invitation is not told by what it left behind either.
  const asOf = Math.min(moment, (look.auditor.value.scope.before ?? Infinity) - 1)
  const size = sizeOf(await ledger.log.newest())
  const end = await facts.firstSince(asOf + 1, size)
  const { shown } = look.auditor.value.scope
  const { page, totals, more } = await counts.at(end, (replayed) =>
    pageOf(replayed.grants(asOf), filter, asked.after, shown === undefined ? statesAtOnce : 0),
  )
  await recordLook(ledger, look, { act: 'states', filter, first: 0, end, count: page.length })
  const last = page.at(-1)
  return {
    asOf: formatTime(asOf),
    size: end,
    counts: totals,
    states: page.map(viewState),
    ...(more && last !== undefined && { next: last.grant }),
  }
}

function pageOf(
  grants: Iterable<ReplayedGrant>,
  filter: AuditFilter,
  after: string | undefined,
  limit: number,
) {
  const totals: Record<string, number> = {}
  const page: ReplayedGrant[] = []
  let skipping = after !== undefined
  let more = false
  for (const grant of grants) {
    if (!isCovered(grant, filter)) continue
    totals[grant.state] = (totals[grant.state] ?? 0) + 1
    if (skipping) skipping = grant.grant !== after
    else if (page.length < limit) page.push(grant)
    else more = true
  }
  if (skipping) throw invalid('/after', 'is no grant that was told before')
  return { page, totals, more }
}

function isCovered(
  grant: ReplayedGrant,
  { businesses, purpose, grant: id, since = 0 }: AuditFilter,
): boolean {
  return (
    grant.given >= since &&
    (businesses === undefined || businesses.includes(grant.vendor)) &&
    (id === undefined || grant.grant === id) &&
    (purpose === undefined || grant.items.some((item) => item.purpose === purpose))
  )
}

function viewState({ grant, vendor, state, since, until, items, reads, index, disclosed }: ReplayedGrant) {
  return {
    grant,
    vendor,
    state,
    index,
    since: formatTime(since),
    until: formatTime(until),
    disclosed,
    ...(reads !== Infinity && { reads }),
    items: items.map(({ purpose, fields }) => ({ purpose, fields: [...fields] })),
  }
}

/** Counts by day and type, and how long businesses took to acknowledge. By whole days (UTC) inside the period. */
export async function overview(
  { ledger, counts }: ReplayParts,
  look: Look,
  asked: { filter?: AskedFilter },
): Promise<AuditCounts> {
  const { types, purpose, grant } = asked.filter ?? {}
  if (types !== undefined || purpose !== undefined || grant !== undefined)
    throw invalid('/filter', 'counts are by business and day')
  const filter = filterOf(look, asked.filter)
  const size = sizeOf(await ledger.log.newest())
  // A finding may be about any entry, so only a look at all of them tells of it.
  const isWhole = Object.keys(filter).length === 0 && Object.keys(look.auditor.value.scope).length === 0
  const told = await counts.at(size, (replayed) => counts.tell(filter, isWhole ? replayed : undefined))
  await recordLook(ledger, look, { act: 'overview', filter, first: 0, end: size, count: 0 })
  return { size, ...told }
}

interface Answer {
  readonly vendor: string
  readonly day: string
  readonly ms: number
}

/**
 * The log played up to its newest entry, kept, so that the next look plays what is new only. Earlier moments are played from the
 * beginning. One at a time: each may take seconds on a long log.
 */
export class CountedLog {
  readonly #facts: FactsReader
  #live = new Replay()
  #next = 0
  /** Day, business ('' for none), type. */
  readonly #days = new Map<string, Map<string, Map<string, number>>>()
  readonly #answers: Answer[] = []
  /** Grants whose business owes an acknowledgement, and since when. */
  readonly #owed = new Map<string, { vendor: string; at: number }>()
  #queue: Promise<unknown> = Promise.resolve()

  constructor(facts: FactsReader) {
    this.#facts = facts
  }

  /** What `use` makes, at once, of the log after its first `end` entries. */
  at<Result>(end: number, use: (replayed: Replay) => Result): Promise<Result> {
    const next = this.#queue.then(async () => use(await this.#play(end)))
    this.#queue = next.catch(() => undefined)
    return next
  }

  async #play(end: number): Promise<Replay> {
    if (end < this.#next) {
      const replay = new Replay()
      for await (const entry of this.#facts.forward(0, end)) replay.see(entry)
      return replay
    }
    for await (const entry of this.#facts.forward(this.#next, end)) {
      this.#live.see(entry)
      this.#count(entry.fact)
      this.#next = entry.index + 1
    }
    return this.#live
  }

  #count(fact: Fact): void {
    const day = formatTime(fact.time).slice(0, 10)
    const vendor = vendorIn(fact) ?? ''
    const ofDay = this.#days.get(day) ?? new Map<string, Map<string, number>>()
    const types = ofDay.get(vendor) ?? new Map<string, number>()
    this.#days.set(day, ofDay.set(vendor, types.set(fact.type, (types.get(fact.type) ?? 0) + 1)))
    const grant = grantIn(fact)
    if (grant === undefined) return
    if (fact.type === 'withdrawn' || fact.type === 'deletion-requested')
      this.#owed.set(grant, { vendor, at: fact.time })
    const owed = this.#owed.get(grant)
    if (fact.type !== 'acknowledged' || owed === undefined) return
    this.#owed.delete(grant)
    this.#answers.push({ vendor, day, ms: fact.time - owed.at })
  }

  tell(
    { businesses, since = 0, before = Infinity }: AuditFilter,
    whole: Replay | undefined,
  ): Omit<AuditCounts, 'size'> {
    const isInside = (day: string) => {
      const start = Date.parse(day)
      return start >= since && start + dayMs <= before
    }
    const isAsked = (vendor: string) => businesses === undefined || businesses.includes(vendor)
    const totals: Record<string, number> = {}
    const days = [...this.#days]
      .filter(([day]) => isInside(day))
      .map(([day, vendors]) => {
        const counts: Record<string, number> = {}
        for (const [vendor, ofVendor] of vendors)
          for (const [type, count] of isAsked(vendor) ? ofVendor : []) {
            counts[type] = (counts[type] ?? 0) + count
            totals[type] = (totals[type] ?? 0) + count
          }
        return { day, counts }
      })
      .filter(({ counts }) => Object.keys(counts).length > 0)
    const times = this.#answers
      .filter(({ vendor, day }) => isAsked(vendor) && isInside(day))
      .map(({ ms }) => ms)
      .toSorted((a, b) => a - b)
    const open = [...this.#owed.values()].filter(
      ({ vendor, at }) => isAsked(vendor) && at >= since && at < before,
    )
    const [median, longest] = [times[Math.floor(times.length / 2)], times.at(-1)]
    return {
      days,
      types: totals,
      acknowledgements: {
        count: times.length,
        open: open.length,
        ...(median !== undefined && { medianMs: median }),
        ...(longest !== undefined && { longestMs: longest }),
      },
      ...(whole && { findings: whole.findings.slice(0, 1_000).map((finding) => ({ ...finding })) }),
    }
  }
}

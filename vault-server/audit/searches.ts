/** Looks at entries: pages, ranges, one entry, the timeline of one grant. */
import { grantIn, isAskedFor, within } from '#core/domain/audit.ts'
import type { AuditFilter } from '#core/domain/audit.ts'
import { DomainError } from '#core/domain/errors.ts'
import { sizeOf } from '#core/ledger/checkpoint.ts'
import type { HistoryItem, Ledger } from '#core/ledger/ledger.ts'
import { grantHistory } from '#core/records/histories.ts'
import { readNotice } from '#core/records/notices.ts'
import type {
  AuditEntries,
  AuditEntryView,
  AuditRange,
  AuditSearch,
  AuditTimelineView,
} from '#schemas/types.gen.ts'
import { openedEntry } from './facts-reader.ts'
import type { FactsReader, OpenedEntry } from './facts-reader.ts'
import { filterOf, recordLook, viewEntry } from './looks.ts'
import type { Look } from './looks.ts'
import { writeProof } from './proof.ts'
import type { ProofParts } from './proof.ts'

export interface SearchParts extends ProofParts {
  readonly facts: FactsReader
}

const usualPage = 200
/** A page that finds little ends here and says how far it looked, so that no question holds the vault up. */
const mostLookedAt = 20_000
/** Releases of one grant in its timeline, from the newest; the rest is a search. */
const mostReleases = 500

/** A page of entries, newest first. */
export async function search(
  { ledger, facts }: SearchParts,
  look: Look,
  asked: Omit<AuditSearch, 'reason'>,
): Promise<AuditEntries> {
  const filter = filterOf(look, asked.filter)
  const { limit = usualPage } = asked
  const size = sizeOf(await ledger.log.newest())
  const ceiling = filter.before === undefined ? size : await facts.firstSince(filter.before, size)
  const end = Math.min(asked.before ?? size, ceiling)
  const floor = filter.since === undefined ? 0 : await facts.firstSince(filter.since, size)
  const found: OpenedEntry[] = []
  let first = end
  let looked = 0
  const entries = filter.grant === undefined ? facts.backward(end) : ofGrant(ledger, filter.grant, end)
  for await (const entry of entries) {
    if (entry.index < floor) {
      first = floor
      break
    }
    if (found.length === limit || looked === mostLookedAt) break
    first = entry.index
    looked++
    if (isAskedFor(entry.fact, filter)) found.push(entry)
  }
  // A thread that ended has nothing below.
  if (filter.grant !== undefined && found.length < limit && looked < mostLookedAt) first = floor
  await recordLook(ledger, look, {
    act: 'search',
    filter,
    first,
    end: Math.max(first, end),
    count: found.length,
  })
  return {
    entries: found.map((entry) => viewEntry(look, entry)),
    size,
    searchedFrom: first,
    ...(first > floor && { next: first }),
  }
}

const ofGrant = (ledger: Ledger, grant: string, end: number) =>
  opened((page) => grantHistory(ledger, grant, page), end)

type Read = (page: { before: number; limit: number }) => Promise<HistoryItem[]>

async function* opened(read: Read, end: number): AsyncGenerator<OpenedEntry> {
  const limit = 256
  for (let before = end; ;) {
    const page = await read({ before, limit })
    for (const item of page) yield openedEntry(item)
    if (page.length < limit) return
    before = page.at(-1)?.index ?? 0
  }
}

/** All entries of a range that the invitation covers, for a copy that is checked offline. */
export async function openRange(
  { ledger, facts }: SearchParts,
  look: Look,
  { first, count }: Omit<AuditRange, 'reason'>,
): Promise<AuditEntries> {
  const filter = within({}, look.auditor.value.scope)
  const size = sizeOf(await ledger.log.newest())
  const end = Math.min(first + count, size)
  const found: OpenedEntry[] = []
  for await (const entry of facts.forward(first, end)) if (isAskedFor(entry.fact, filter)) found.push(entry)
  const range = { first: Math.min(first, end), end }
  await recordLook(ledger, look, { act: 'openings', filter, ...range, count: found.length })
  return { entries: found.map((entry) => viewEntry(look, entry)), size, searchedFrom: range.first }
}

/** One entry, with the file that proves it. */
export async function showEntry(parts: SearchParts, look: Look, index: number): Promise<AuditEntryView> {
  const { ledger, facts } = parts
  const filter = within({}, look.auditor.value.scope)
  const size = sizeOf(await ledger.log.newest())
  const entry = index < size ? await facts.one(index) : undefined
  if (entry === undefined || !isAskedFor(entry.fact, filter))
    throw new DomainError('not-found', 'There is no such entry that your invitation covers')
  await recordLook(ledger, look, { act: 'entry', filter, first: index, end: index + 1, count: 1 })
  const shown = viewEntry(look, entry)
  const proof =
    shown.salt === undefined ? undefined : await writeProof(parts, index, { ops: shown.salt }, shown.facts)
  return { entry: shown, size, ...(proof !== undefined && { proof }) }
}

/** One grant from its request to its end, oldest first, with the notices that its customer was shown. */
export async function timeline(
  { ledger }: SearchParts,
  look: Look,
  grant: string,
): Promise<AuditTimelineView> {
  const filter = filterOf(look, { grant })
  const size = sizeOf(await ledger.log.newest())
  const found: OpenedEntry[] = []
  let releases = 0
  let truncated = false
  for await (const entry of ofGrant(ledger, grant, size)) {
    if (!isAskedFor(entry.fact, filter)) continue
    if (entry.fact.type === 'disclosed' && ++releases > mostReleases) truncated = true
    else found.push(entry)
  }
  const given = found.findLast(({ fact }) => fact.type === 'granted')?.fact
  if (given === undefined)
    throw new DomainError('not-found', 'There is no such grant that your invitation covers')
  if (given.type === 'granted') found.push(...(await asked(ledger, given.request, size, filter)))
  const entries = found.toSorted((a, b) => a.index - b.index)
  const first = entries[0]?.index ?? 0
  await recordLook(ledger, look, { act: 'timeline', filter, first, end: size, count: entries.length })
  return {
    entries: entries.map((entry) => viewEntry(look, entry)),
    size,
    ...(truncated && { truncated }),
    notices: await noticesOf(ledger, look, entries),
  }
}

/** What came before the grant: the request as it was opened, and how often it was put off. After a recovery the grant is found there, too. */
async function asked(ledger: Ledger, request: string, size: number, filter: AuditFilter) {
  const { grant: _, ...rest } = filter
  const found: OpenedEntry[] = []
  const told = opened((page) => ledger.history(request, page), size)
  for await (const entry of told)
    if (grantIn(entry.fact) === undefined && isAskedFor(entry.fact, rest)) found.push(entry)
  return found
}

async function noticesOf(ledger: Ledger, { auditor }: Look, entries: readonly OpenedEntry[]) {
  if (auditor.value.scope.shown?.includes('notice') === false) return []
  const hashes = new Set(entries.flatMap(({ fact }) => ('notice' in fact ? [fact.notice] : [])))
  return Promise.all(
    [...hashes].map(async (hash) => {
      const text = await readNotice(ledger, hash)
      return { hash, ...(text !== undefined && { text }) }
    }),
  )
}

import { DomainError } from '#core/domain/errors.ts'
import { endsAt, hasEnded } from '#core/domain/grant.ts'
import type { LedgerReader, Write } from '#core/ledger/ledger.ts'
import type { CustomerStanding, Grant } from '#schemas/types.gen.ts'
import type { Names } from './names.ts'
import { dropOAuthGrants } from './oauth-grants.ts'
import {
  absent,
  ascending,
  asFound,
  combine,
  descending,
  page,
  part,
  peek,
  put,
  read,
  remove,
  unchanged,
} from './parts.ts'
import type { CommitParts, Page, Stored } from './parts.ts'
import { firstLook, remindedKey } from './reminders.ts'

const grantKey = (grantId: string) => `grant/${part(grantId)}`
const accountPrefix = (accountId: string) => `grant-of-account/${accountId}/`
const vendorPrefix = (vendorId: string) => `grant-of-vendor/${vendorId}/`
const endsPrefix = 'grant-end/'
/**
 * Grants of an account that have not ended: one row, so that whoever needs all of them can check that it has
 * all.
 */
const liveKey = (accountId: string) => `grants-live/${accountId}`
/** Redeemed grants of one subject at one business that have not ended: what a query looks up. */
const subjectKey = (names: Names, vendorId: string, subject: string) =>
  `grants-of-subject/${part(vendorId)}/${names.hidden('subject', subject)}`

/** The grant by which a business last came to know a subject; stays when the grant has ended. */
const knownKey = (names: Names, vendorId: string, subject: string) =>
  `subject-known/${part(vendorId)}/${names.hidden('subject', subject)}`

const ending = (grant: Grant) => `${descending(grant.validFrom)}/${grant.grantId}`
const endKey = (grant: Grant) => `${endsPrefix}${ascending(endsAt(grant))}/${grant.grantId}`

/** Terms that held before, by the number of changes that had been made then. */
const earlierPrefix = (grantId: string) => `grant-earlier/${part(grantId)}/`

/** Key of the counter that numbers the disclosures of a grant: 1, 2, 3 without a gap. */
export const seqKey = (grantId: string) => `grant-seq/${part(grantId)}`

interface Ids {
  readonly ids: readonly string[]
}

interface Rows {
  readonly reader: LedgerReader
  readonly names: Names
}

/**
 * A new grant, not redeemed: no business finds it yet. It is given only while the pod is open
 * (`pod-not-connected`), and the commit fails when that changes: `access-lost` in the log names the grants it
 * hits, and none may slip in behind it.
 */
export async function createGrant(
  { reader }: Pick<Rows, 'reader'>,
  grant: Grant,
  customer: Stored<CustomerStanding>,
): Promise<CommitParts> {
  if (grant.redeemed) throw new Error('a new grant is not redeemed')
  if (customer.value.podAccess !== 'open') {
    throw new DomainError(
      'pod-not-connected',
      'Reach cannot see your data, so it cannot let anybody read it.',
    )
  }
  const rows = {
    checks: [absent(grantKey(grant.grantId)), unchanged(customer)],
    writes: [
      put(grantKey(grant.grantId), grant, { customer: grant.accountId }),
      put(accountPrefix(grant.accountId) + ending(grant), { id: grant.grantId }),
      put(endKey(grant), { id: grant.grantId }),
    ],
  }
  return combine(
    rows,
    firstLook(grant),
    await listed(reader, liveKey(grant.accountId), { with: [grant.grantId] }),
  )
}

/** A grant, and what becomes of it. */
export interface GrantChange {
  readonly stored: Stored<Grant>
  readonly next: Grant
}

/** The next state of a grant, as `changeGrants` makes it. */
export function changeGrant(rows: Rows, stored: Stored<Grant>, next: Grant): Promise<CommitParts> {
  return changeGrants(rows, [{ stored, next }])
}

/**
 * The next states of grants of one customer, with every index that follows from them. A grant that ends takes all OAuth Grants
 * that point to it along in the same commit.
 */
export async function changeGrants(
  { reader, names }: Rows,
  changes: readonly [GrantChange, ...GrantChange[]],
): Promise<CommitParts> {
  const { accountId } = changes[0].next
  const parts: CommitParts[] = changes.map(rowsOf)
  const subjects = Map.groupBy(changes, ({ next }) => subjectKey(names, next.vendorId, next.subject))
  for (const [key, own] of subjects) {
    const found = idsOf(own, (before, next) => answers(next) && !answers(before))
    const lost = idsOf(own, (before, next) => answers(before) && !answers(next))
    if (found.length + lost.length > 0) parts.push(await listed(reader, key, { without: lost, with: found }))
  }
  for (const { stored, next } of changes)
    if (next.redeemed && !stored.value.redeemed)
      parts.push({ writes: [put(knownKey(names, next.vendorId, next.subject), { id: next.grantId })] })
  const ended = idsOf(changes, (before, next) => hasEnded(next) && !hasEnded(before))
  if (ended.length > 0) parts.push(await listed(reader, liveKey(accountId), { without: ended }))
  for (const id of ended) parts.push(await dropOAuthGrants(reader, id))
  return combine(...parts)
}

function idsOf(
  changes: readonly GrantChange[],
  are: (before: Grant, next: Grant) => boolean,
): readonly string[] {
  return changes.filter(({ stored, next }) => are(stored.value, next)).map(({ next }) => next.grantId)
}

function rowsOf({ stored, next }: GrantChange): CommitParts {
  const { grantId, accountId, vendorId } = stored.value
  // What goes on must do so before its end, by the ledger's time: a code redeemed a moment too late stays
  // unredeemed.
  const end = hasEnded(next) ? {} : { notAfter: endsAt(stored.value) }
  const writes: Write[] = [put(stored.key, next, { customer: accountId })]
  if (endKeyOf(stored.value) !== endKeyOf(next)) {
    if (!hasEnded(stored.value)) writes.push(remove(endKey(stored.value)))
    if (!hasEnded(next)) writes.push(put(endKey(next), { id: grantId }))
  }
  if (next.redeemed && !stored.value.redeemed)
    writes.push(put(vendorPrefix(vendorId) + ending(next), { id: grantId }))
  return { checks: [{ ...unchanged(stored), ...end }], writes }
}

/**
 * Takes some grants of a customer out of state for good, with all that points to them; each must have ended. `undefined` when
 * none is left. Their entries stay in the log, and are found by the ids of the grants.
 */
export async function forgetGrants(
  { reader, names }: Rows,
  accountId: string,
  limit: number,
): Promise<{ parts: CommitParts; grants: readonly Grant[] } | undefined> {
  const rows = await reader.list<{ id: string }>(accountPrefix(accountId), { limit })
  if (rows.length === 0) return undefined
  const grants = await readAll(
    reader,
    rows.map(({ value }) => value.id),
  )
  const keys = new Set(rows.map(({ key }) => key))
  for (const { key, value } of grants) {
    const { grantId, vendorId, subject } = value
    if (!hasEnded(value)) throw new Error('a grant that is forgotten must have ended')
    keys
      .add(key)
      .add(vendorPrefix(vendorId) + ending(value))
      .add(knownKey(names, vendorId, subject))
      .add(remindedKey(grantId))
    for (const earlier of await reader.list(earlierPrefix(grantId))) keys.add(earlier.key)
  }
  return { parts: { writes: [...keys].map(remove) }, grants: grants.map(({ value }) => value) }
}

/** Keeps a grant as it was before its terms change; part of the commit that changes them. */
export function keepEarlier({ value }: Stored<Grant>): CommitParts {
  const key = earlierPrefix(value.grantId) + ascending(value.changes ?? 0)
  return { checks: [absent(key)], writes: [put(key, value, { customer: value.accountId })] }
}

/** A grant as it was before each change of its terms, oldest first. */
export async function listEarlier(reader: LedgerReader, grantId: string): Promise<readonly Grant[]> {
  const rows = await reader.list<Grant>(earlierPrefix(grantId))
  return rows.map(({ value }) => value)
}

const endKeyOf = (grant: Grant) => (hasEnded(grant) ? undefined : endKey(grant))
const answers = (grant: Grant) => grant.redeemed && !hasEnded(grant)

/** The row of ids without some and with others; the last id to go takes the row along. */
async function listed(
  reader: LedgerReader,
  key: string,
  change: { readonly without?: readonly string[]; readonly with?: readonly string[] },
): Promise<CommitParts> {
  const found = await read<Ids>(reader, key)
  const moved = new Set([...(change.without ?? []), ...(change.with ?? [])])
  const ids = [...(found?.value.ids ?? []).filter((id) => !moved.has(id)), ...(change.with ?? [])]
  return { checks: [asFound(key, found)], writes: [ids.length === 0 ? remove(key) : put(key, { ids })] }
}

export function readGrant(
  reader: Pick<LedgerReader, 'get'>,
  grantId: string,
): Promise<Stored<Grant> | undefined> {
  return read<Grant>(reader, grantKey(grantId))
}

/** The customer behind a subject that this business was ever told; the subject may come from outside. */
export async function findKnownCustomer(
  { reader, names }: Rows,
  vendorId: string,
  subject: string,
): Promise<string | undefined> {
  const known = await reader.get<{ id: string }>(knownKey(names, vendorId, subject))
  const grant = known === undefined ? undefined : await readGrant(reader, known.value.id)
  return grant?.value.accountId
}

/** Without I/O, for the hot path; says nothing when the row is not at hand. */
export function peekGrant(reader: LedgerReader, grantId: string): Stored<Grant> | undefined {
  return peek<Grant>(reader, grantKey(grantId))
}

/** Redeemed grants of this subject at this business that have not ended. Both ids may come from outside. */
export async function findSubjectGrants(
  { reader, names }: Rows,
  vendorId: string,
  subject: string,
): Promise<readonly Stored<Grant>[]> {
  const found = await reader.get<Ids>(subjectKey(names, vendorId, subject))
  return found === undefined ? [] : readAll(reader, found.value.ids)
}

/**
 * The same without I/O, with the row that lists them; `undefined` when a row is not at hand, which says nothing
 * about whether there are any.
 */
export function peekSubjectGrants(
  { reader, names }: Rows,
  vendorId: string,
  subject: string,
): { readonly listed: Stored<unknown>; readonly grants: readonly Stored<Grant>[] } | undefined {
  const found = reader.peek<Ids>(subjectKey(names, vendorId, subject))
  if (found === undefined) return undefined
  const grants: Stored<Grant>[] = []
  for (const id of found.value.ids) {
    const grant = peekGrant(reader, id)
    if (grant === undefined) return undefined
    grants.push(grant)
  }
  return { listed: found, grants }
}

async function readAll(reader: LedgerReader, ids: readonly string[]): Promise<Stored<Grant>[]> {
  const grants = await Promise.all(ids.map((id) => readGrant(reader, id)))
  return grants.filter((grant) => grant !== undefined)
}

/** Every grant of a customer, past ones included, newest first. */
export function listAccountGrants(
  reader: LedgerReader,
  accountId: string,
  options: { after?: string | undefined; limit: number },
): Promise<Page<Stored<Grant>>> {
  return page(reader, { prefix: accountPrefix(accountId), ...options }, (id) => readGrant(reader, id))
}

/** Ids of all of them. */
export async function listGrantIds(reader: LedgerReader, accountId: string): Promise<readonly string[]> {
  const rows = await reader.list<{ id: string }>(accountPrefix(accountId))
  return rows.map(({ value }) => value.id)
}

/** Every grant a business ever redeemed, past ones included, newest first. */
export function listVendorGrants(
  reader: LedgerReader,
  vendorId: string,
  options: { after?: string | undefined; limit: number },
): Promise<Page<Stored<Grant>>> {
  return page(reader, { prefix: vendorPrefix(vendorId), ...options }, (id) => readGrant(reader, id))
}

/**
 * All grants of a customer that have not ended. `complete` makes the commit fail when that is no longer all
 * of them.
 */
export async function readLiveGrants(
  reader: LedgerReader,
  accountId: string,
): Promise<{ grants: readonly Stored<Grant>[]; complete: CommitParts }> {
  const live = await read<Ids>(reader, liveKey(accountId))
  return {
    grants: live === undefined ? [] : await readAll(reader, live.value.ids),
    complete: { checks: [asFound(liveKey(accountId), live)] },
  }
}

/** What has not ended, of one customer at one business. */
export async function grantsBetween(
  reader: LedgerReader,
  { accountId, vendorId }: { readonly accountId: string; readonly vendorId: string },
  now: number,
): Promise<readonly Stored<Grant>[]> {
  const { grants } = await readLiveGrants(reader, accountId)
  return grants.filter(({ value }) => value.vendorId === vendorId && !hasEnded(value) && now <= endsAt(value))
}

/**
 * Grants whose end has passed and is not recorded yet, earliest first, at most `limit`. `gone` takes what
 * points to grants that can no longer be read, as after an erasure, out of the way.
 */
export async function listPassedGrants(
  reader: LedgerReader,
  now: number,
  limit: number,
): Promise<{ grants: readonly Stored<Grant>[]; gone: CommitParts }> {
  const due = await reader.list<{ id: string }>(endsPrefix, { limit })
  const passed = due.filter((row) => row.key < endsPrefix + ascending(now))
  const found = await Promise.all(passed.map((row) => readGrant(reader, row.value.id)))
  return {
    grants: found.filter((grant) => grant !== undefined),
    gone: { writes: passed.filter((_, index) => found[index] === undefined).map((row) => remove(row.key)) },
  }
}

import { DomainError } from '#core/domain/errors.ts'
import { endsAt, hasEnded } from '#core/domain/grant.ts'
import type { Check, LedgerReader, Write } from '#core/ledger/ledger.ts'
import type { CustomerStanding, Grant } from '#schemas/types.gen.ts'
import type { Names } from './names.ts'
import { dropOAuthGrants } from './oauth-grants.ts'
import {
  absent,
  ascending,
  asFound,
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

const ending = (grant: Grant) => `${descending(grant.validFrom)}/${grant.grantId}`
const endKey = (grant: Grant) => `${endsPrefix}${ascending(endsAt(grant))}/${grant.grantId}`

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
  const live = await read<Ids>(reader, liveKey(grant.accountId))
  return {
    checks: [absent(grantKey(grant.grantId)), asFound(liveKey(grant.accountId), live), unchanged(customer)],
    writes: [
      put(grantKey(grant.grantId), grant, { customer: grant.accountId }),
      put(accountPrefix(grant.accountId) + ending(grant), { id: grant.grantId }),
      put(endKey(grant), { id: grant.grantId }),
      listed(liveKey(grant.accountId), live, grant.grantId, true),
    ],
  }
}

/**
 * The next state of a grant, with every index that follows from it. A grant that ends takes all OAuth Grants
 * that point to it along in the same commit.
 */
export async function changeGrant(rows: Rows, stored: Stored<Grant>, next: Grant): Promise<CommitParts> {
  const { reader, names } = rows
  const { grantId, accountId, vendorId, subject } = stored.value
  // What goes on must do so before its end, by the ledger's time: a code redeemed a moment too late stays
  // unredeemed.
  const end = hasEnded(next) ? {} : { notAfter: endsAt(stored.value) }
  const checks: Check[] = [{ ...unchanged(stored), ...end }]
  const writes: Write[] = [put(stored.key, next, { customer: accountId })]
  if (endKeyOf(stored.value) !== endKeyOf(next)) {
    if (!hasEnded(stored.value)) writes.push(remove(endKey(stored.value)))
    if (!hasEnded(next)) writes.push(put(endKey(next), { id: grantId }))
  }
  if (next.redeemed && !stored.value.redeemed)
    writes.push(put(vendorPrefix(vendorId) + ending(next), { id: grantId }))
  if (answers(stored.value) !== answers(next)) {
    const key = subjectKey(names, vendorId, subject)
    const found = await read<Ids>(reader, key)
    checks.push(asFound(key, found))
    writes.push(listed(key, found, grantId, answers(next)))
  }
  if (!hasEnded(next) || hasEnded(stored.value)) return { checks, writes }
  const live = await read<Ids>(reader, liveKey(accountId))
  checks.push(asFound(liveKey(accountId), live))
  writes.push(listed(liveKey(accountId), live, grantId, false))
  const oauth = await dropOAuthGrants(reader, grantId)
  return { checks: [...checks, ...(oauth.checks ?? [])], writes: [...writes, ...(oauth.writes ?? [])] }
}

const endKeyOf = (grant: Grant) => (hasEnded(grant) ? undefined : endKey(grant))
const answers = (grant: Grant) => grant.redeemed && !hasEnded(grant)

/** The row of ids with or without this one; the last id to go takes the row along. */
function listed(key: string, found: Stored<Ids> | undefined, id: string, there: boolean): Write {
  const others = (found?.value.ids ?? []).filter((other) => other !== id)
  const ids = there ? [...others, id] : others
  return ids.length === 0 ? remove(key) : put(key, { ids })
}

export function readGrant(reader: LedgerReader, grantId: string): Promise<Stored<Grant> | undefined> {
  return read<Grant>(reader, grantKey(grantId))
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
 * The same without I/O; `undefined` when a row is not at hand, which says nothing about whether there are
 * any.
 */
export function peekSubjectGrants(
  { reader, names }: Rows,
  vendorId: string,
  subject: string,
): readonly Stored<Grant>[] | undefined {
  const found = reader.peek<Ids>(subjectKey(names, vendorId, subject))
  if (found === undefined) return undefined
  const grants: Stored<Grant>[] = []
  for (const id of found.value.ids) {
    const grant = peekGrant(reader, id)
    if (grant === undefined) return undefined
    grants.push(grant)
  }
  return grants
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

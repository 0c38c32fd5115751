import { liveness } from '#core/domain/grant.ts'
import { CommitRefused, LedgerDamaged } from '#core/ledger/ledger.ts'
import type { Ledger, LedgerReader } from '#core/ledger/ledger.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { readCustomerStanding } from './accounts.ts'
import { readGrant, readLiveGrants } from './grants.ts'
import type { Names } from './names.ts'
import { ascending, asFound, combine, part, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'
import { vendorEvent } from './vendor-events.ts'

/**
 * A business learns of a change at a moment drawn for its grant alone, evenly between these two, in ms: so two
 * businesses that compare what they were told, and when, cannot tell that they share a customer. Further changes
 * until then are told with it. In development there is nobody to hide, and an engineer who waits.
 */
const delays = {
  production: { soonest: 15 * 60_000, latest: 6 * 3_600_000 },
  development: { soonest: 5_000, latest: 60_000 },
} as const

const mostAttempts = 5

interface Ports {
  readonly ledger: Ledger
  readonly names: Names
  /** Unix ms. */
  readonly now: () => number
  /** From 0 to 1. */
  readonly random: () => number
  readonly mode: keyof typeof delays
}

/** What a category held when it was last read, as keyed hashes: it says whether a field changed and nothing else. */
interface Digest {
  readonly v: 1
  readonly fields: { readonly [field: string]: string }
}

/** Fields of one grant that changed and are not told of yet. */
interface Change {
  readonly v: 1
  readonly grantId: string
  readonly fields: readonly string[]
  /** Unix ms. */
  readonly tellAt: number
}

const digestPrefix = (accountId: string) => `pod-digest/${part(accountId)}/`
const digestKey = (accountId: string, category: string) => digestPrefix(accountId) + part(category)
const changeKey = (grantId: string) => `data-change/${part(grantId)}`
const duePrefix = 'data-change-due/'
const dueKey = ({ tellAt, grantId }: Change) => `${duePrefix}${ascending(tellAt)}/${part(grantId)}`

/**
 * A category of a customer's pod was read: fields by id, as JSON. What differs from the reading before is noted for
 * every live grant that covers it, in one commit. The first reading is what later ones are compared with; it may be the
 * preview before any grant.
 */
export async function noticeReading(
  ports: Ports,
  {
    accountId,
    category,
    fields,
  }: { accountId: string; category: string; fields: ReadonlyMap<string, string> },
): Promise<void> {
  const { ledger, names } = ports
  const hashes = [...fields].map(([id, text]) => [id, names.hidden('field', `${accountId}\n${id}\n${text}`)])
  const digest: Digest = { v: 1, fields: Object.fromEntries(hashes.toSorted()) as Digest['fields'] }
  for (let attempt = 1; ; attempt++) {
    const key = digestKey(accountId, category)
    const before = await read<Digest>(ledger, key)
    const changed = before === undefined ? [] : differences(before.value, digest)
    if (before !== undefined && changed.length === 0) return
    const standing = await readCustomerStanding(ledger, accountId)
    // Who leaves is forgotten: nothing more is noted of her.
    if (standing === undefined || standing.value.leaving === true) return
    const { grants } = await readLiveGrants(ledger, accountId)
    const written = {
      checks: [asFound(key, before), unchanged(standing)],
      writes: [put(key, digest, { customer: accountId })],
    }
    try {
      await ledger.commit(combine(written, ...(await notedFor(ports, grants, changed))))
      return
    } catch (error) {
      if (!(error instanceof CommitRefused) || attempt === mostAttempts) throw error
    }
  }
}

function differences(one: Digest, other: Digest): string[] {
  const ids = new Set([...Object.keys(one.fields), ...Object.keys(other.fields)])
  return [...ids].filter((id) => one.fields[id] !== other.fields[id])
}

async function notedFor(
  { ledger, now, random, mode }: Ports,
  grants: readonly Stored<Grant>[],
  changed: readonly string[],
): Promise<CommitParts[]> {
  const parts: CommitParts[] = []
  const { soonest, latest } = delays[mode]
  for (const { value: grant } of grants) {
    const granted = changed.filter((field) => grant.items.some((item) => item.fields.includes(field)))
    if (granted.length === 0 || liveness(grant, now()) !== 'live') continue
    const key = changeKey(grant.grantId)
    const found = await read<Change>(ledger, key)
    const fields = [...new Set([...(found?.value.fields ?? []), ...granted])].toSorted()
    const tellAt = found?.value.tellAt ?? Math.ceil(now() + soonest + random() * (latest - soonest))
    const change: Change = { v: 1, grantId: grant.grantId, fields, tellAt }
    const customer = { customer: grant.accountId }
    const due = found === undefined ? [put(dueKey(change), { id: grant.grantId })] : []
    parts.push({ checks: [asFound(key, found)], writes: [put(key, change, customer), ...due] })
  }
  return parts
}

/** Tells of the changes whose moment has come, as far as their grants are live now. What does not open holds up no other. */
export async function tellDataChanges({
  ledger,
  now,
  onDamaged = () => undefined,
}: Pick<Ports, 'ledger' | 'now'> & { onDamaged?: (key: string) => void }): Promise<void> {
  const due = await ledger.list<{ id: string }>(duePrefix, { limit: 200, onDamaged })
  for (const row of due.filter(({ key }) => key < duePrefix + ascending(now() + 1))) {
    try {
      await ledger.commit(await told(ledger, row, now()))
    } catch (error) {
      if (error instanceof LedgerDamaged) onDamaged(row.key)
      // Something changed meanwhile: at the next look.
      else if (!(error instanceof CommitRefused)) throw error
    }
  }
}

async function told(reader: LedgerReader, due: Stored<{ id: string }>, now: number): Promise<CommitParts> {
  const grantId = due.value.id
  const [change, grant] = await Promise.all([
    read<Change>(reader, changeKey(grantId)),
    readGrant(reader, grantId),
  ])
  const gone = { checks: [unchanged(due)], writes: [remove(due.key)] }
  // Forgotten meanwhile.
  if (change === undefined || grant === undefined) return gone
  const done = combine(gone, { checks: [unchanged(change)], writes: [remove(change.key)] })
  if (liveness(grant.value, now) !== 'live') return done
  const { fields } = change.value
  return combine(
    done,
    { checks: [unchanged(grant)] },
    vendorEvent({ type: 'data.changed', grant: grant.value, fields, at: now }),
  )
}

/** What was read of her pod, and what was noted of her grants. */
export async function forgetReadings(
  reader: LedgerReader,
  accountId: string,
  grantIds: readonly string[],
): Promise<CommitParts> {
  const digests = await reader.list(digestPrefix(accountId))
  return { writes: [...digests.map(({ key }) => key), ...grantIds.map(changeKey)].map(remove) }
}

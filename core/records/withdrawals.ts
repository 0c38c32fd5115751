import { askAcknowledgement } from '#core/domain/acknowledgement.ts'
import { withdraw } from '#core/domain/grant.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Entry, Ledger } from '#core/ledger/ledger.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { grantEntry } from './entries.ts'
import { changeGrants, readLiveGrants } from './grants.ts'
import type { GrantChange } from './grants.ts'
import type { Names } from './names.ts'
import { combine } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'
import { vendorEvent } from './vendor-events.ts'

interface Ports {
  readonly ledger: Ledger
  readonly names: Names
  /** Unix ms. */
  readonly now: () => number
}

interface Withdrawing {
  readonly accountId: string
  /** Her WebID, as the entries commit to it. */
  readonly webId: string
  /** Each business is asked to delete what it holds, too. */
  readonly askDeletion: boolean
}

/** Grants of one commit: far below what a ledger takes at once, and nearly always all of them. */
const mostAtOnce = 200
const attempts = 5

/**
 * Withdraws everything a customer allows, and gives how many grants that were. All of up to 200 in one commit, so that she never
 * finds half of it done; of more, the newest first. Each grant has its own entry, and each business is told of its own only.
 */
export async function withdrawAll(
  { ledger, names, now }: Ports,
  about: Withdrawing,
  atOnce = mostAtOnce,
): Promise<number> {
  let total = 0
  for (let attempt = 1; ;) {
    const { grants, complete } = await readLiveGrants(ledger, about.accountId)
    const [newest, ...others] = grants.toReversed()
    if (newest === undefined) return total
    const some = [newest, ...others.slice(0, atOnce - 1)] as const
    try {
      await ledger.commit(combine(complete, await withdrawals({ ledger, names }, some, about, now())))
      total += some.length
      attempt = 1
    } catch (error) {
      // A grant changed, came or went: on what there is now.
      if (!(error instanceof CommitRefused) || attempt++ === attempts) throw error
    }
  }
}

async function withdrawals(
  { ledger, names }: Pick<Ports, 'ledger' | 'names'>,
  [first, ...others]: readonly [Stored<Grant>, ...Stored<Grant>[]],
  { webId, askDeletion }: Withdrawing,
  at: number,
): Promise<CommitParts> {
  const ended = (stored: Stored<Grant>): GrantChange => {
    const kind = askDeletion ? 'deletion' : 'withdrawal'
    return { stored, next: askAcknowledgement(withdraw(stored.value, at), kind, at) }
  }
  const changes = [ended(first), ...others.map(ended)] as const
  const told = changes.map(({ next }) => withdrawn(next, webId, at))
  return combine(await changeGrants({ reader: ledger, names }, changes), ...told)
}

function withdrawn(grant: Grant, who: string, at: number): CommitParts {
  const entries: Entry[] = [grantEntry(grant, { type: 'withdrawn' }, { who })]
  const parts = [vendorEvent({ type: 'grant.withdrawn', grant, at })]
  const due = grant.acknowledgement?.dueAt
  if (due !== undefined) {
    entries.push(grantEntry(grant, { type: 'deletion-requested', due }, { who }))
    parts.push(vendorEvent({ type: 'deletion.requested', grant, at }))
  }
  return combine({ entries }, ...parts)
}

import { giveWay, givesWay, redeem } from '#core/domain/grant.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { readAccount } from './accounts.ts'
import { grantEntry } from './entries.ts'
import { changeGrants, grantsBetween } from './grants.ts'
import type { Names } from './names.ts'
import { combine } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'
import { vendorEvent } from './vendor-events.ts'

/**
 * The business takes a grant up, and what its customer had let it read before ends: in one commit, so that no moment is without
 * a grant or with two. Not with her decision, since an answer that is never picked up would take away what she did not mean to
 * end. Refuses (`conflict`) what has ended or was redeemed before. `at`: Unix ms.
 */
export async function redeemGrant(
  { reader, names }: { readonly reader: LedgerReader; readonly names: Names },
  stored: Stored<Grant>,
  at: number,
): Promise<CommitParts> {
  const grant = stored.value
  const next = redeem(grant, at)
  const [others, account] = await Promise.all([
    grantsBetween(reader, grant, at),
    readAccount(reader, grant.accountId),
  ])
  const replaced = others
    .filter(({ value }) => givesWay(value, grant))
    .map((other) => ({ stored: other, next: giveWay(other.value, grant, at) }))
  const who = account === undefined ? {} : { who: account.value.webId }
  return combine(
    await changeGrants({ reader, names }, [{ stored, next }, ...replaced]),
    ...replaced.map(({ next: ended }) =>
      combine(vendorEvent({ type: 'grant.withdrawn', grant: ended, at }), {
        entries: [grantEntry(ended, { type: 'withdrawn' }, who)],
      }),
    ),
    { entries: [grantEntry(grant, { type: 'redeemed' })] },
  )
}

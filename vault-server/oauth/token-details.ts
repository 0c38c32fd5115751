import { errors } from 'oidc-provider'
import { liveness } from '#core/domain/grant.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { readGrant } from '#core/records/grants.ts'
import { findGrantId } from '#core/records/oauth-grants.ts'
import type { Grant, GrantedDetails, GrantedItem } from '#schemas/types.gen.ts'
import { requestType } from './access-request-type.ts'

/**
 * Our grant behind an OAuth Grant, as it is now. A grant that has ended gives no token (`invalid_grant`); a
 * paused one does, since a token is a ceiling and the pause is decided where data leaves.
 */
export async function readGrantBehind(
  reader: LedgerReader,
  oauthGrantId: string | undefined,
  now: number,
): Promise<Grant> {
  const grantId = oauthGrantId === undefined ? undefined : await findGrantId(reader, oauthGrantId)
  const stored = grantId === undefined ? undefined : await readGrant(reader, grantId)
  if (stored === undefined) throw new errors.InvalidGrant('no grant of a customer behind it')
  const state = liveness(stored.value, now)
  if (state !== 'live' && state !== 'paused')
    throw new errors.InvalidGrant('the grant of the customer has ended')
  return stored.value
}

/**
 * What the token says was granted: the items of the live grant or, when the business asks for less, only
 * those. Asking for more is `invalid_authorization_details`.
 */
export function narrowed(grant: Grant, asked: unknown): GrantedDetails & Record<string, unknown> {
  const details = {
    type: requestType,
    grant_id: grant.grantId,
    until: new Date(grant.until).toISOString(),
  } as const
  if (typeof asked !== 'string') return { ...details, items: grant.items }
  return { ...details, items: askedItems(asked).map((item) => within(grant, item)) }
}

type AskedItem = Pick<GrantedItem, 'purpose' | 'fields'>

/** The elements have been checked (`assertNarrowing`) before the library asks for details. */
function askedItems(asked: string): AskedItem[] {
  const elements = JSON.parse(asked) as { readonly items: readonly AskedItem[] }[]
  return elements.flatMap((element) => element.items)
}

function within(grant: Grant, { purpose, fields }: AskedItem): GrantedItem {
  const item = grant.items.find(
    (one) => one.purpose === purpose && fields.every((field) => one.fields.includes(field)),
  )
  if (item === undefined) throw new errors.InvalidAuthorizationDetails('more than the customer granted')
  return { id: item.id, purpose, fields: [...fields] }
}

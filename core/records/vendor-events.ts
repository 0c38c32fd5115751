import type { AccessRequest, Grant } from '#schemas/types.gen.ts'
import { newId } from './ids.ts'
import type { LedgerReader, ListOptions } from '#core/ledger/ledger.ts'
import { ascending, part, put } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/** What a business can be told. Endpoints filter by these; a word never changes its meaning. */
export const vendorEventTypes = [
  'request.decided',
  'grant.changed',
  'grant.paused',
  'grant.resumed',
  'grant.withdrawn',
  'grant.expired',
  'data.changed',
  'deletion.requested',
] as const
export type VendorEventType = (typeof vendorEventTypes)[number]

/**
 * An event as it is stored, self-contained: it is still told when the customer is forgotten meanwhile, since
 * that is when a business must learn of it. Names of fields, never values.
 */
export interface VendorEvent {
  readonly v: 1
  /** Stable for ever, and sorts by time: what the business sees as `webhook-id`. */
  readonly id: string
  readonly type: VendorEventType
  readonly vendorId: string
  /** Unix ms. */
  readonly at: number
  /** Also what events are ordered by: a grant and the request it came from are one story. */
  readonly requestId: string
  /** Only of a redeemed grant: nobody learns of another one, nor of its subject. */
  readonly grantId?: string
  readonly subject?: string
  /** Of `request.decided`. */
  readonly status?: 'allowed' | 'refused' | 'later'
  /** Of `data.changed`: ids of fields, sorted. */
  readonly fields?: readonly string[]
  /** What the business is asked to sign, with `grant.withdrawn` and `deletion.requested`. */
  readonly acknowledge?: 'withdrawal' | 'deletion'
  /** Unix ms: until when. */
  readonly dueAt?: number
}

type EventGrant = Pick<
  Grant,
  'vendorId' | 'requestId' | 'grantId' | 'subject' | 'redeemed' | 'acknowledgement'
>

/** What happened; `at` in Unix ms. */
export type Happened = { readonly at: number } & (
  | {
      readonly type: 'request.decided'
      readonly request: Pick<AccessRequest, 'vendorId' | 'requestId'>
      readonly status: 'allowed' | 'refused' | 'later'
    }
  | {
      readonly type: 'grant.changed' | 'grant.paused' | 'grant.resumed' | 'grant.withdrawn' | 'grant.expired'
      readonly grant: EventGrant
    }
  | { readonly type: 'data.changed'; readonly grant: EventGrant; readonly fields: readonly string[] }
  | { readonly type: 'deletion.requested'; readonly grant: EventGrant }
)

const outboxPrefix = 'vendor-event/'
const threadPrefix = ({ vendorId, requestId }: Pick<VendorEvent, 'vendorId' | 'requestId'>) =>
  `${outboxPrefix}${part(vendorId)}/${part(requestId)}/`

/**
 * Tells a business what happened, as a part of the very commit of its cause: both happen or neither. Events of
 * one grant, and of its request, reach the business in the order of their commits.
 */
export function vendorEvent(happened: Happened): CommitParts {
  const event = eventOf(happened)
  return { writes: [put(threadPrefix(event) + event.id, event)] }
}

function eventOf(happened: Happened): VendorEvent {
  const { type, at } = happened
  const base = { v: 1, id: `evt_${ascending(at)}_${newId()}`, type, at } as const
  if (happened.type === 'request.decided') {
    const { request, status } = happened
    return { ...base, vendorId: request.vendorId, requestId: request.requestId, status }
  }
  const { vendorId, requestId, grantId, subject, redeemed, acknowledgement } = happened.grant
  const asked = acknowledges[type]
  const asks = asked !== undefined && acknowledgement?.kind === asked ? acknowledgement : undefined
  return {
    ...base,
    vendorId,
    requestId,
    ...(redeemed ? { grantId, subject } : {}),
    ...(happened.type === 'data.changed' ? { fields: [...happened.fields].toSorted() } : {}),
    ...(asks === undefined ? {} : { acknowledge: asks.kind }),
    ...(asks?.dueAt === undefined ? {} : { dueAt: asks.dueAt }),
  }
}

const acknowledges: { readonly [Type in VendorEventType]?: 'withdrawal' | 'deletion' } = {
  'grant.withdrawn': 'withdrawal',
  'deletion.requested': 'deletion',
}

/**
 * Events that were not handed on to endpoints yet, some of them: of each grant that occurs, all, in the order of
 * their commits. `after`: the greatest key of the last look.
 */
export async function listVendorEvents(
  reader: LedgerReader,
  { limit, ...options }: ListOptions & { readonly limit: number },
): Promise<Stored<VendorEvent>[]> {
  const found = await reader.list<VendorEvent>(outboxPrefix, { ...options, limit })
  const last = found.at(-1)
  if (last !== undefined && found.length === limit) {
    const rest = await reader.list<VendorEvent>(threadPrefix(last.value), { ...options, after: last.key })
    found.push(...rest)
  }
  return found.toSorted((one, other) => one.version - other.version || rank(one) - rank(other))
}

/** Of events of one commit the cause comes first. */
const rank = ({ value }: Stored<VendorEvent>): number => vendorEventTypes.indexOf(value.type)

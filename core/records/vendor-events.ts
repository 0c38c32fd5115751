import type { AccessRequest, Grant } from '#schemas/types.gen.ts'
import { newId } from './ids.ts'
import { ascending, part, put } from './parts.ts'
import type { CommitParts } from './parts.ts'

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
  /** Of `deletion.requested`, Unix ms: until when the business is to confirm. */
  readonly dueAt?: number
}

type EventGrant = Pick<Grant, 'vendorId' | 'requestId' | 'grantId' | 'subject' | 'redeemed'>

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
  | { readonly type: 'deletion.requested'; readonly grant: EventGrant; readonly dueAt: number }
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
  const { vendorId, requestId, grantId, subject, redeemed } = happened.grant
  return {
    ...base,
    vendorId,
    requestId,
    ...(redeemed ? { grantId, subject } : {}),
    ...(happened.type === 'data.changed' ? { fields: [...happened.fields].toSorted() } : {}),
    ...(happened.type === 'deletion.requested' ? { dueAt: happened.dueAt } : {}),
  }
}

import { randomBytes } from 'node:crypto'
import { LedgerDamaged } from '#core/ledger/ledger.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { newId } from './ids.ts'
import { asFound, part, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'
import type { VendorEventType } from './vendor-events.ts'

/** Endpoints of one business. */
export const mostEndpoints = 8
/** After a rotation messages carry signatures of both secrets for so long. In ms. */
export const secretOverlap = 86_400_000

/** Where a business wants to be told. The business names it; a name used anew later is another endpoint. */
export interface WebhookEndpoint {
  readonly v: 1
  readonly endpointId: string
  readonly vendorId: string
  readonly name: string
  readonly url: string
  /** Types it wants; all without. */
  readonly events?: readonly VendorEventType[]
  /** Nothing but challenges goes to one that is not `proven`; a `disabled` one has to be proven again. */
  readonly state: 'unproven' | 'proven' | 'disabled'
  readonly secret: string
  /** The one before, and Unix ms until when it signs as well. */
  readonly earlier?: { readonly secret: string; readonly until: number }
  /** Unix ms. */
  readonly createdAt: number
  readonly provenAt?: number
  /** Rounds in a row that got nothing through, and Unix ms since when nothing did, or the address waits to be proven. */
  readonly failures: number
  readonly failingSince?: number
}

const prefixOf = (vendorId: string) => `webhook-endpoint/${part(vendorId)}/`
const keyOf = (vendorId: string, name: string) => prefixOf(vendorId) + part(name)

/** Standard Webhooks: 24 to 64 random bytes in base64 behind this prefix. */
const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`

/** `found`: what stands there; only nothing, or what nobody can read, is replaced. */
export function createEndpoint(
  wanted: Pick<WebhookEndpoint, 'vendorId' | 'name' | 'url' | 'events'>,
  now: number,
  found?: typeof unreadable,
): { endpoint: WebhookEndpoint; parts: CommitParts } {
  const endpoint: WebhookEndpoint = {
    v: 1,
    endpointId: newId(),
    ...wanted,
    state: 'unproven',
    secret: newSecret(),
    createdAt: now,
    failures: 0,
  }
  const key = keyOf(wanted.vendorId, wanted.name)
  const checks = found === undefined ? [asFound(key, undefined)] : []
  return { endpoint, parts: { checks, writes: [put(key, endpoint)] } }
}

/**
 * For the commit that makes an endpoint: of two that are made at once one is refused, and finds the other when it looks again;
 * else many at once would be more than `mostEndpoints`. To be read before they are counted.
 */
export async function makingAlone(reader: LedgerReader, vendorId: string, now: number): Promise<CommitParts> {
  const key = `webhook-endpoint-made/${part(vendorId)}`
  const found = await read(reader, key)
  return { checks: [asFound(key, found)], writes: [put(key, { at: now }, { expires: now + 60_000 })] }
}

/** Another address has to be proven anew; what is to be told meanwhile waits, if one was proven before. */
export function aimEndpoint(
  endpoint: WebhookEndpoint,
  { url, events }: Pick<WebhookEndpoint, 'url' | 'events'>,
  now: number,
): WebhookEndpoint {
  const { events: _, ...rest } = endpoint
  const aimed = { ...rest, url, ...(events === undefined ? {} : { events }) }
  if (url === endpoint.url) return aimed
  const waits = endpoint.provenAt === undefined ? {} : { failingSince: now }
  return { ...aimed, state: 'unproven', failures: 0, ...waits }
}

export function proveEndpoint(endpoint: WebhookEndpoint, now: number): WebhookEndpoint {
  return { ...recovered(endpoint), state: 'proven', provenAt: now }
}

export function disableEndpoint(endpoint: WebhookEndpoint): WebhookEndpoint {
  return { ...endpoint, state: 'disabled' }
}

/** A round that got nothing through. */
export function failing(endpoint: WebhookEndpoint, now: number): WebhookEndpoint {
  return { ...endpoint, failures: endpoint.failures + 1, failingSince: endpoint.failingSince ?? now }
}

export function recovered(endpoint: WebhookEndpoint): WebhookEndpoint {
  const { failingSince: _, ...rest } = endpoint
  return { ...rest, failures: 0 }
}

export function rotateSecret(endpoint: WebhookEndpoint, now: number): WebhookEndpoint {
  const earlier = { secret: endpoint.secret, until: now + secretOverlap }
  return { ...endpoint, secret: newSecret(), earlier }
}

/** Newest first. */
export function signingSecrets({ secret, earlier }: WebhookEndpoint, now: number): readonly string[] {
  return earlier === undefined || now > earlier.until ? [secret] : [secret, earlier.secret]
}

export function changeEndpoint(stored: Stored<WebhookEndpoint>, next: WebhookEndpoint): CommitParts {
  return { checks: [unchanged(stored)], writes: [put(stored.key, next)] }
}

/** What waits for it is cleared away by its next round. */
export function removeEndpoint(stored: Stored<WebhookEndpoint>): CommitParts {
  return { checks: [unchanged(stored)], writes: [remove(stored.key)] }
}

/** For one that nobody can read. */
export function dropEndpoint(vendorId: string, name: string): CommitParts {
  return { writes: [remove(keyOf(vendorId, name))] }
}

/** An endpoint whose row does not open, or was written by a later version: it gets nothing, and holds up nobody. */
export const unreadable = 'unreadable'

/** `name` may come from outside. */
export async function readEndpoint(
  reader: LedgerReader,
  vendorId: string,
  name: string,
): Promise<Stored<WebhookEndpoint> | typeof unreadable | undefined> {
  try {
    const found = await read<WebhookEndpoint>(reader, keyOf(vendorId, name))
    return found === undefined || isKnown(found) ? found : unreadable
  } catch (error) {
    if (!(error instanceof LedgerDamaged)) throw error
    return unreadable
  }
}

/** `onUnreadable` is told the name of each that cannot be read. */
export async function listEndpoints(
  reader: LedgerReader,
  vendorId: string,
  onUnreadable: (name: string) => void = () => undefined,
): Promise<Stored<WebhookEndpoint>[]> {
  const prefix = prefixOf(vendorId)
  const onDamaged = (key: string) => onUnreadable(key.slice(prefix.length))
  const found = await reader.list<WebhookEndpoint>(prefix, { onDamaged })
  for (const row of found) if (!isKnown(row)) onDamaged(row.key)
  return found.filter(isKnown)
}

const isKnown = ({ value }: Stored<{ readonly v: number }>): boolean => value.v === 1

/** For the deletion of a business: its endpoints with their secrets go in the same commit, its queue soon after. */
export async function dropEndpoints(reader: LedgerReader, vendorId: string): Promise<CommitParts> {
  const names: string[] = []
  const endpoints = await listEndpoints(reader, vendorId, (name) => names.push(name))
  return {
    writes: [...endpoints.map(({ key }) => key), ...names.map((name) => keyOf(vendorId, name))].map(remove),
  }
}

export function wants({ state, events, provenAt }: WebhookEndpoint, type: VendorEventType): boolean {
  const isInUse = state === 'proven' || (state === 'unproven' && provenAt !== undefined)
  return isInUse && (events === undefined || events.includes(type))
}

/**
 * What the rest of Reach sees of a customer's pod: categories of fields, read through a cache that fails
 * closed. A category is one RDF resource `<container><category>.ttl`; a field id is `<category>.<name>`.
 */

/** Where a customer's data lies. `container` is the URL of `vrm/` and ends in a slash. */
export interface PodAccount {
  readonly accountId: string
  readonly webId: string
  readonly container: string
  /** As whom Reach comes to this pod where that is not its own agent. */
  readonly actingAs?: string
}

/**
 * The part of `fetch` that pod code needs. The caller decides whose it is (agent or customer) and guards it.
 */
export type PodFetch = (url: string, init?: RequestInit) => Promise<Response>

/**
 * A fetch as whoever Reach is at this customer's pod: its agent, or the identity that she gave it there.
 */
export type AccountFetch = (
  url: string,
  init: RequestInit | undefined,
  account: PodAccount,
) => Promise<Response>

/**
 * Field id to the JSON text of its value, ready to be put into a reply. A field without a value is missing.
 */
export type Fragments = ReadonlyMap<string, string>

/**
 * The values of one category by the names in its schema, without the category. What has no value is missing.
 */
export type CategoryValues = Readonly<Record<string, unknown>>

export interface PodRead {
  readonly fragments: Fragments
}

/**
 * Reads for release. Everything it answers was confirmed by the pod within the bound (see `cache.ts`).
 * `fields` are ids of the catalogue, derived ones included.
 */
export interface PodReader {
  /** At once, without parsing; `undefined` unless every field asked for is confirmed within the bound. */
  peek(account: PodAccount, fields: readonly string[]): PodRead | undefined
  /** At once: whether `peek` for the same account and fields would give these very values. */
  holds(read: PodRead): boolean
  /**
   * Asks the pod where needed. Refuses with `pod-access-lost` (already purged and reported),
   * `pod-unreachable` (with `retryAfter`) or `pod-unreadable`.
   */
  read(account: PodAccount, fields: readonly string[]): Promise<PodRead>
  /** Drops everything of this customer, and every answer under way for her. */
  forget(accountId: string): void
}

/** Every change in the pods of one server, in order, as long as it is heard. */
export interface PodFeed {
  /** Whether changes of this resource would be reported here. */
  covers(url: string): boolean
  /**
   * Names the unbroken stretch of listening to the server of this URL; `undefined` while nothing was heard for a second. Whatever was
   * confirmed by a request that began in a stretch, and was not reported since, still holds while the same
   * stretch lasts.
   */
  stretch(url: string): number | undefined
  /** Calls back at each change. Returns the way to stop. */
  subscribe(listener: (change: PodChange) => void): () => void
}

/** A resource was written, or may have been; or who may see it. */
export interface PodChange {
  readonly url: string
  /** Everything whose URL begins with this one may be concerned: an access document was changed. */
  readonly below: boolean
}

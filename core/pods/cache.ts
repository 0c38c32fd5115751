/**
 * A customer's categories, parsed once and served only while the pod has confirmed them within the bound:
 * - where a feed covers the pod: no change was reported since the request that confirmed it began, and the
 *   feed was heard without a break; at most five minutes, against changes that no feed sees (such as of a
 *   group that a rule names);
 * - else, and while a feed is silent: the bound in ms, counted from the start of that request. The container
 *   is confirmed like the resources: after half a revocation they still answer. Nothing is written to disk.
 */
import { findField } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import { createAccountTable } from './account-table.ts'
import { createBackoff } from './backoff.ts'
import {
  bytesOf,
  categoriesOf,
  entryOf,
  newAccount,
  readingOf,
  todaysFragments,
  unreadableReading,
} from './cache-entry.ts'
import type { AccountEntry, CategoryEntry, Resource } from './cache-entry.ts'
import { createHostCircuit } from './circuit.ts'
import { PodRefusal, createPodClient, isWebPage } from './client.ts'
import { createPodNotifications } from './notifications.ts'
import type { PodSocket } from './notifications.ts'
import type { PodWebhooks } from './webhooks.ts'
import { PodTrouble } from './trouble.ts'
import type { TroubleReason } from './trouble.ts'
import type { AccountFetch, Fragments, PodAccount, PodChange, PodFeed, PodRead, PodReader } from './pod.ts'

/** The promise for pods of other hosts: access that was closed is seen this much later, at most. */
const BOUND_MS = 10_000
/** The same for a pod whose feed is silent right now. */
const SILENT_FEED_BOUND_MS = 1000
const LONGEST_BY_FEED_MS = 300_000
/** Shorter than the bound, so that an answer can still confirm something when it comes. */
const TIMEOUT_MS = 5000
const ATTEMPTS = 3
/**
 * A pod that does not know us (401) for this long has closed its door; before, it may be trouble with keys.
 */
const UNKNOWN_MS = 30_000
/** How often values are let go that nothing has confirmed for `LONGEST_BY_FEED_MS`: whoever left is forgotten in every process. */
const SWEEP_MS = 30_000
const MAX_BYTES = 64 * 1024 * 1024
const LOOK_SOON_MS = 1000

/** The unbroken stretch of listening to the feed of a pod; `undefined` while nothing is heard. */
interface Hearing {
  readonly stretch: number | undefined
}

/** A category, and what it was read as. */
interface Source {
  readonly of: CategoryEntry
  readonly fragments: Fragments
}

/** It remembers what it was made of: while that is confirmed and the same, it is what would be read again. */
class CachedRead implements PodRead {
  readonly fragments: Fragments
  readonly entry: AccountEntry
  readonly sources: readonly Source[]

  constructor(fragments: Fragments, entry: AccountEntry, sources: readonly Source[]) {
    this.fragments = fragments
    this.entry = entry
    this.sources = sources
  }
}

export interface PodCache extends PodReader, Disposable {
  /** Why nothing of this customer's pod can be read right now, and since when (Unix ms), as far as it was asked. */
  trouble(accountId: string): { readonly reason: TroubleReason; readonly since: number } | undefined
  /** How much later than it happened a loss of access is seen, at most, in ms: of the host of this URL. */
  boundOf(url: string): number
}

/**
 * `fetch` is the agent's. `onAccessLost` is told once the values are gone; with a category when only that one
 * is refused. `now` in Unix ms.
 */
export function createPodCache(options: {
  fetch: AccountFetch
  now: () => number
  onAccessLost: (accountId: string, category?: string) => Promise<void> | void
  /** Is told what a category held when it was read anew, by field id as JSON. Then what is in use is read soon after a change. */
  onRead?: (accountId: string, category: string, fields: Fragments) => void
  feed?: PodFeed
  /** Opens a guarded WebSocket: pods that no feed covers can then tell of changes before they are asked. */
  connect?: (url: string) => PodSocket
  /** For pods that tell by calling us instead. */
  webhooks?: PodWebhooks
  maxBytes?: number
}): PodCache {
  const { now, feed, onAccessLost, maxBytes = MAX_BYTES } = options
  const circuit = createHostCircuit(now)
  const backoff = createBackoff(now)
  // Nobody listens for a customer who is gone, or had to make room.
  const accounts = createAccountTable(maxBytes, ({ container, categories }) => {
    for (const { url } of [container, ...categories.values()]) notifications?.unwatch(url)
  })
  const looks = new Map<CategoryEntry, NodeJS.Timeout>()
  const unsubscribe = feed?.subscribe(onChange)
  const notifications =
    options.connect &&
    createPodNotifications({
      connect: options.connect,
      ...(options.webhooks === undefined ? {} : { webhooks: options.webhooks }),
      now,
      onChange: (url) => onChange({ url, below: false }),
    })

  const sweeping = setInterval(sweep, SWEEP_MS).unref()
  function sweep(): void {
    const time = now()
    for (const entry of accounts.all()) {
      for (const [category, { url, confirmed, flight }] of entry.categories) {
        if (flight !== undefined || time - (confirmed?.at ?? 0) <= LONGEST_BY_FEED_MS) continue
        entry.categories.delete(category)
        notifications?.unwatch(url)
      }
      entry.bytes = bytesOf(entry)
      accounts.grew(entry)
    }
  }

  function onChange({ url, below }: PodChange): void {
    const container = url.slice(0, url.lastIndexOf('/') + 1)
    for (const entry of below ? accounts.all() : accounts.at(container)) {
      for (const resource of [entry.container, ...entry.categories.values()] as const) {
        if (!(below ? resource.url.startsWith(url) : resource.url === url)) continue
        resource.changes += 1
        if (options.onRead && 'category' in resource) lookSoon(entry, resource)
      }
    }
  }

  /** Once for all changes of a moment. */
  function lookSoon(entry: AccountEntry, resource: CategoryEntry): void {
    if (looks.has(resource)) return
    const look = () => {
      looks.delete(resource)
      if (!entry.gone) confirm(entry, resource).catch(() => undefined)
    }
    looks.set(resource, setTimeout(look, LOOK_SOON_MS).unref())
  }

  /** What the feed says about a pod; `undefined` where no feed covers it. */
  function hearing(entry: AccountEntry): Hearing | undefined {
    const { url } = entry.container
    return feed?.covers(url) === true ? { stretch: feed.stretch(url) } : undefined
  }

  function isConfirmed(resource: Resource, time: number, heard: Hearing | undefined): boolean {
    const { confirmed, changes } = resource
    if (!confirmed || confirmed.changes !== changes) return false
    const age = time - confirmed.at
    if (age < 0) return false
    if (heard === undefined) return age <= BOUND_MS
    if (age <= SILENT_FEED_BOUND_MS) return true
    const { stretch } = heard
    return stretch !== undefined && stretch === confirmed.stretch && age <= LONGEST_BY_FEED_MS
  }

  function peek(account: PodAccount, fields: readonly string[]): PodRead | undefined {
    const entry = accounts.get(account.accountId)
    if (!entry || entry.container.url !== account.container || entry.actingAs !== account.actingAs)
      return undefined
    const time = now()
    const sources = new Map<string, Source>()
    const fragments = new Map<string, string>()
    for (const field of fields) {
      const category = findField(field)?.category ?? ''
      const of = entry.categories.get(category)
      if (of === undefined || of.unreadable !== undefined) return undefined
      const source = sources.get(category) ?? { of, fragments: todaysFragments(of, time) }
      sources.set(category, source)
      const fragment = source.fragments.get(field)
      if (fragment !== undefined) fragments.set(field, fragment)
    }
    const read = new CachedRead(fragments, entry, [...sources.values()])
    return holds(read) ? read : undefined
  }

  function holds(read: PodRead): boolean {
    if (!(read instanceof CachedRead) || read.entry.gone) return false
    const { entry, sources } = read
    const time = now()
    const heard = hearing(entry)
    if (!isConfirmed(entry.container, time, heard)) return false
    let oldest = entry.container.confirmed?.at ?? 0
    for (const { of, fragments } of sources) {
      if (!isConfirmed(of, time, heard) || todaysFragments(of, time) !== fragments) return false
      oldest = Math.min(oldest, of.confirmed?.at ?? 0)
    }
    accounts.use(entry, time)
    const half = (heard === undefined ? BOUND_MS : LONGEST_BY_FEED_MS) / 2
    if (time - oldest > half) refresh(read, time - half)
    return true
  }

  /** What is in use is asked about in the background, so that it does not run out while it is asked for. */
  function refresh({ entry, sources }: CachedRead, before: number): void {
    for (const resource of [entry.container, ...sources.map(({ of }) => of)])
      if ((resource.confirmed?.at ?? 0) < before) confirm(entry, resource).catch(() => undefined)
  }

  async function read(account: PodAccount, fields: readonly string[]): Promise<PodRead> {
    const categories = categoriesOf(fields)
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const entry = enter(account)
      const asked = categories.map((one) => entryOf(entry, one))
      const time = now()
      const heard = hearing(entry)
      // Settled, not raced: a loss that one answer tells must not be overtaken by another's success.
      const answers = await Promise.allSettled(
        [entry.container, ...asked]
          .filter((one) => !isConfirmed(one, time, heard))
          .map((one) => confirm(entry, one)),
      )
      const errors = answers.flatMap((answer) =>
        answer.status === 'rejected' ? [answer.reason as unknown] : [],
      )
      const lost = errors.find((error) => error instanceof DomainError && error.code === 'pod-access-lost')
      if (errors.length > 0) throw lost ?? errors[0]
      if (entry.gone) throw unreachable('The pod was let go meanwhile')
      const unreadable = asked.find((one) => one.unreadable !== undefined)?.unreadable
      if (unreadable !== undefined) throw new DomainError('pod-unreadable', unreadable)
      const found = peek(account, fields)
      if (found) return found
      // Changed while it was being read: once more.
    }
    throw unreachable('The pod changes too quickly or answers too slowly')
  }

  function enter(account: PodAccount): AccountEntry {
    const known = accounts.get(account.accountId)
    if (known && known.container.url === account.container && known.actingAs === account.actingAs)
      return known
    if (known) accounts.drop(known)
    const fetch = (url: string, init?: RequestInit) => options.fetch(url, init, account)
    const client = createPodClient({ fetch, timeoutMs: TIMEOUT_MS, circuit })
    const entry = newAccount(account, { fetch, client })
    accounts.add(entry)
    return entry
  }

  /** One request at a time for a resource; whoever comes meanwhile shares its answer. */
  function confirm(entry: AccountEntry, resource: Resource | CategoryEntry): Promise<void> {
    resource.flight ??= ask(entry, resource).finally(() => {
      resource.flight = undefined
    })
    return resource.flight
  }

  async function ask(entry: AccountEntry, resource: Resource | CategoryEntry): Promise<void> {
    // Not by host: one customer could make her own resource slow, and the others at her host would wait for
    // it.
    const key = entry.container.url
    backoff.check(key)
    const { changes } = resource
    const stretch = feed?.covers(resource.url) ? feed.stretch(resource.url) : undefined
    const begun = { at: now(), changes, stretch }
    const isCategory = 'category' in resource
    let isNew = false
    // After a reported change not even the ETag is believed: its clock is too coarse to tell two quick writes
    // apart.
    const etag = resource.confirmed?.changes === changes ? resource.etag : undefined
    try {
      const { client } = entry
      const answer = isCategory ? await client.get(resource.url, { etag }) : await client.head(resource.url)
      if (!isCategory && answer.status === 'missing') throw new PodRefusal(403)
      if (!isCategory && isWebPage(answer))
        throw new PodTrouble('web-page', 'A web page answers where the pod should')
      isNew = isCategory && answer.status !== 'unchanged'
      if (isCategory && answer.status !== 'unchanged') Object.assign(resource, readingOf(resource, answer))
      resource.etag = answer.status === 'unchanged' ? resource.etag : answer.etag
    } catch (error) {
      if (error instanceof PodRefusal) {
        entry.trouble = undefined
        throw await refused(entry, resource, error)
      }
      if (error instanceof PodTrouble && !isCategory)
        entry.trouble = { error, since: entry.trouble?.since ?? now() }
      if (!(isCategory && error instanceof DomainError && error.code === 'pod-unreadable')) {
        // A host that is in trouble as a whole is left alone by its circuit.
        if (!(error instanceof PodTrouble && error.wholeHost)) backoff.failure(key)
        throw error
      }
      // An answer as well, only none to be read: too large, no text, a status without sense.
      Object.assign(resource, unreadableReading(error.message))
      resource.etag = undefined
    }
    backoff.success(key)
    if (!isCategory) entry.trouble = undefined
    entry.unknownSince = undefined
    resource.confirmed = begun
    // It was let go meanwhile, perhaps because its customer left: nobody is told and nothing is listened to.
    if (entry.gone) return
    if (isNew && 'category' in resource && resource.unreadable === undefined)
      options.onRead?.(entry.accountId, resource.category, todaysFragments(resource, begun.at))
    if (!feed?.covers(resource.url)) notifications?.watch(resource.url, entry.fetch)
    entry.bytes = bytesOf(entry)
    accounts.grew(entry)
  }

  async function refused(entry: AccountEntry, resource: Resource | CategoryEntry, error: PodRefusal) {
    if (error.status === 401) {
      entry.unknownSince ??= now()
      if (now() - entry.unknownSince < UNKNOWN_MS) {
        resource.confirmed = undefined
        return unreachable('The pod does not accept our identity', error)
      }
    }
    if ('category' in resource) {
      entry.categories.delete(resource.category)
      // Nothing that was read of it holds any more.
      resource.confirmed = undefined
      notifications?.unwatch(resource.url)
      // Is it this resource alone? The container says.
      entry.container.changes += 1
      await confirm(entry, entry.container)
      if (!entry.gone) await onAccessLost(entry.accountId, resource.category)
      return error
    }
    if (entry.gone) return error
    accounts.drop(entry)
    await onAccessLost(entry.accountId)
    return error
  }

  return {
    peek,
    holds,
    read,
    trouble(accountId) {
      const known = accounts.get(accountId)?.trouble
      return known && { reason: known.error.reason, since: known.since }
    },
    boundOf: (url) => (feed?.covers(url) ? SILENT_FEED_BOUND_MS : BOUND_MS),
    forget(accountId) {
      const entry = accounts.get(accountId)
      if (entry) accounts.drop(entry)
    },
    [Symbol.dispose]() {
      clearInterval(sweeping)
      for (const timer of looks.values()) clearTimeout(timer)
      unsubscribe?.()
      notifications?.[Symbol.dispose]()
      for (const entry of accounts.all()) accounts.drop(entry)
    },
  }
}

function unreachable(detail: string, cause?: unknown): DomainError {
  return new DomainError('pod-unreachable', detail, { retryAfter: 2, cause })
}

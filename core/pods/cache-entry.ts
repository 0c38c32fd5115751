import { categories, findCategory, findField } from '#core/domain/catalogue.ts'
import { derive } from '#core/domain/derivations.ts'
import { DomainError } from '#core/domain/errors.ts'
import type { PodClient, PodResource } from './client.ts'
import type { Fragments, PodAccount, PodFetch } from './pod.ts'
import type { PodTrouble } from './trouble.ts'
import { readCategory, resourceOf } from './vocabulary.ts'

const DAY_MS = 86_400_000
const ACCOUNT_BYTES = 1024

/** A resource of a pod whose state is known as of a moment. */
export interface Resource {
  readonly url: string
  etag: string | undefined
  /** How many changes of it were reported. */
  changes: number
  confirmed: Confirmation | undefined
  flight: Promise<void> | undefined
}

/**
 * As of the start of the request that confirmed: its time in Unix ms, the changes until then, the feed's
 * stretch.
 */
interface Confirmation {
  readonly at: number
  readonly changes: number
  readonly stretch: number | undefined
}

export interface CategoryEntry extends Resource, Reading {
  readonly category: string
}

interface Reading {
  unreadable: string | undefined
  /** By field id. */
  values: Readonly<Record<string, unknown>>
  stored: Fragments
  /** Stored and derived, as of this day since 1970 in UTC. */
  fragments: Fragments
  day: number
  bytes: number
}

export interface AccountEntry {
  readonly accountId: string
  readonly container: Resource
  readonly categories: Map<string, CategoryEntry>
  bytes: number
  /** Dropped: an answer that comes now is for nobody. */
  gone: boolean
  /** Unix ms, as `AccountTable` was told; 0: never. */
  usedAt: number
  /** Unix ms of the first of the 401s in a row. */
  unknownSince: number | undefined
  /** As whom Reach comes to this pod. */
  readonly actingAs: string | undefined
  readonly fetch: PodFetch
  readonly client: PodClient
  /** Why the last request failed, and since when none succeeded (Unix ms). */
  trouble: { readonly error: PodTrouble; readonly since: number } | undefined
}

// A fragment of a category is made of that category alone: a derived field with sources elsewhere needs more
// than this.
for (const { id, derived } of categories) {
  for (const { id: field, from } of derived) {
    if (!from.every((source) => source.startsWith(`${id}.`)))
      throw new Error(`${field} needs another category`)
  }
}

export function newAccount(
  account: PodAccount,
  { fetch, client }: Pick<AccountEntry, 'fetch' | 'client'>,
): AccountEntry {
  const { accountId, container, actingAs } = account
  return {
    accountId,
    container: { url: container, etag: undefined, changes: 0, confirmed: undefined, flight: undefined },
    categories: new Map(),
    bytes: ACCOUNT_BYTES,
    gone: false,
    usedAt: 0,
    unknownSince: undefined,
    actingAs,
    fetch,
    client,
    trouble: undefined,
  }
}

/** Roughly what an account occupies in memory. */
export function bytesOf({ categories: entries }: AccountEntry): number {
  return [...entries.values()].reduce((sum, { bytes }) => sum + bytes, ACCOUNT_BYTES)
}

/** The entry of a category, made where there is none: changes reported from now on are noted in it. */
export function entryOf(account: AccountEntry, category: string): CategoryEntry {
  const known = account.categories.get(category)
  if (known) return known
  const entry: CategoryEntry = {
    category,
    url: resourceOf(account.container.url, category),
    etag: undefined,
    changes: 0,
    confirmed: undefined,
    flight: undefined,
    ...nothing(),
  }
  account.categories.set(category, entry)
  return entry
}

export function unreadableReading(why: string): Reading {
  return { ...nothing(), unreadable: why }
}

function nothing(): Reading {
  const none = new Map<string, string>()
  return { unreadable: undefined, values: {}, stored: none, fragments: none, day: -1, bytes: 256 }
}

/** What a resource of a category holds. None, or one that is not Turtle, is an answer as well. */
export function readingOf({ category, url }: CategoryEntry, answer: PodResource): Reading {
  if (answer.status === 'missing') return nothing()
  if (!/^text\/turtle\s*(?:;|$)/i.test(answer.contentType ?? '')) {
    return unreadableReading('The document is not Turtle')
  }
  const { values, unreadable } = readCategory(category, answer.body, url)
  const byId = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${category}.${name}`, value]),
  )
  const stored = new Map(Object.entries(byId).map(([id, value]) => [id, JSON.stringify(value)]))
  const bytes = [...stored.values()].reduce((sum, { length }) => sum + 4 * length + 128, 256)
  return { ...nothing(), unreadable, values: byId, stored, bytes }
}

/** Ready fragments, derived ones as of the day of `time` (Unix ms): some answers change overnight. */
export function todaysFragments(entry: CategoryEntry, time: number): Fragments {
  const day = Math.floor(time / DAY_MS)
  if (entry.day === day) return entry.fragments
  const today = new Date(time).toISOString().slice(0, 10)
  const fragments = new Map(entry.stored)
  for (const { id } of findCategory(entry.category)?.derived ?? []) {
    const value = derive(id, entry.values, today)
    if (value !== undefined) fragments.set(id, JSON.stringify(value))
  }
  entry.fragments = fragments
  entry.day = day
  return fragments
}

/** The categories that these fields are of. Refuses with `unknown-field`. */
export function categoriesOf(fields: readonly string[]): string[] {
  const found = new Set<string>()
  for (const field of fields) {
    const category = findField(field)?.category
    if (category === undefined) throw new DomainError('unknown-field', 'There is no such field')
    found.add(category)
  }
  return [...found]
}

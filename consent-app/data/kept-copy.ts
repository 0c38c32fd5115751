/**
 * What was read, kept for when Reach cannot be asked: who may read what, what waits and what happened. Never a value of the
 * customer, nor what names her (docs/decisions/0017-offline.md). It lies in this tab and goes with it, or on the device
 * where its owner said so, and with the session in any case.
 */
import type { QueryClient } from '@tanstack/react-query'
import type { Me } from '#schemas/types.gen.ts'
import { showAccount } from './http.ts'
import { forgetWaiting, keepWaitingOf } from './waiting.ts'

const keptQueries: readonly unknown[] = ['catalogue', 'grants', 'requests', 'activity', 'reminders', 'boundaries']
/** As long as a session that nobody uses. */
const keptForMs = 72 * 3_600_000
const writeAfterMs = 200
/** Characters; storage of a page ends at about 5 million. */
const longest = 2_000_000

/** Without what names a person or is a value of hers. */
type KeptMe = Omit<Me, 'name' | 'webId' | 'issuer' | 'container' | 'actingAs'>

interface Copy {
  readonly v: 1
  /** When Reach last said who is signed in, Unix ms. */
  readonly at: number
  readonly me: KeptMe
  readonly queries: readonly { readonly key: readonly unknown[]; readonly data: unknown; readonly at: number }[]
}

/** Vault and tour share an origin, not their customers. */
const place = () => new URL(document.baseURI).pathname
const copyKey = () => `reach.copy ${place()}`
const wishKey = () => `reach.copy-of ${place()}`
const channelName = () => `reach.copy ${place()}`
/** Told to other tabs, like the id of who is signed in. */
const signedOut = 'signed out'

/** Keeps the copy as it is shown, and lets it go when somebody else, or nobody, is signed in; gives the way to end it. */
export function keepCopy(client: QueryClient): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let accountId: string | undefined
  const channel = new BroadcastChannel(channelName())
  // In another tab somebody else, or nobody, is signed in.
  channel.onmessage = ({ data }: MessageEvent<string>) => {
    if (data === signedOut) forgetWaiting()
    else if (data === (accountId ?? '')) return
    drop()
    void client.invalidateQueries({ queryKey: ['me'] })
  }
  const end = client.getQueryCache().subscribe((event) => {
    if (event.type !== 'updated' || event.action.type !== 'success') return
    if (event.query.queryKey[0] === 'me') {
      const me = event.query.state.data as Me | KeptMe
      const before = accountId
      accountId = me.accountId
      showAccount(accountId)
      if (accountId !== undefined) keepWaitingOf(accountId)
      if (before !== accountId) channel.postMessage(accountId ?? '')
      if (before !== undefined && before !== accountId) {
        drop()
        forgetOthers(client)
      }
      if (!me.signedIn) drop()
    }
    timer ??= setTimeout(() => {
      timer = undefined
      write(client)
    }, writeAfterMs)
  })
  return () => {
    clearTimeout(timer)
    channel.close()
    end()
  }
}

function write(client: QueryClient): void {
  const state = client.getQueryState<Me>(['me'])
  const me = state?.data
  // Without her WebID it is the copy itself that is shown.
  if (me?.signedIn !== true || me.webId === undefined) return
  const { name: _name, webId: _webId, issuer: _issuer, container: _container, actingAs: _actingAs, ...kept } = me
  let room = longest
  const queries = client
    .getQueryCache()
    .getAll()
    .filter(({ queryKey, state: { data } }) => keptQueries.includes(queryKey[0]) && data !== undefined)
    .map(({ queryKey, state: { data, dataUpdatedAt } }) =>
      JSON.stringify({ key: queryKey, data, at: dataUpdatedAt } satisfies Copy['queries'][number]),
    )
    // A list of thousands of permissions finds no room; what happened is kept all the same.
    .toSorted((one, other) => one.length - other.length)
    .filter(({ length }) => (room -= length) >= 0)
  const at = state?.dataUpdatedAt ?? 0
  const text = `{"v":1,"at":${at},"me":${JSON.stringify(kept)},"queries":[${queries.join()}]}`
  drop()
  byStorage(() => (isKeptHere(kept.accountId) ? localStorage : sessionStorage).setItem(copyKey(), text))
}

/** Puts the copy where the pages look, as of when it was read, and says who was signed in; `undefined` without one. */
export function restoreCopy(client: QueryClient): KeptMe | undefined {
  const copy = readCopy()
  for (const { key, data, at } of copy?.queries ?? []) client.setQueryData(key, data, { updatedAt: at })
  return copy?.me
}

function readCopy(): Copy | undefined {
  return byStorage(() => {
    const text = sessionStorage.getItem(copyKey()) ?? localStorage.getItem(copyKey())
    const copy: Copy | null = JSON.parse(text ?? 'null')
    if (copy?.v !== 1) return undefined
    if (Date.now() - copy.at < keptForMs) return copy
    drop()
    return undefined
  })
}

function drop(): void {
  byStorage(() => {
    sessionStorage.removeItem(copyKey())
    localStorage.removeItem(copyKey())
  })
}

/** She signed out, or left: nothing of hers stays, in no tab, nor her wish to keep it. */
export function forgetCopy(): void {
  drop()
  byStorage(() => localStorage.removeItem(wishKey()))
  const channel = new BroadcastChannel(channelName())
  channel.postMessage(signedOut)
  channel.close()
}

/**
 * Somebody else, or nobody, is signed in now: what was read as the one before goes. The query of `me` itself stays, since pages
 * watch it, and would not see one that takes its place.
 */
export function forgetOthers(client: QueryClient): void {
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'me' })
}

/** Whether she wants it kept on this device, beyond this tab. */
export function isKeptHere(accountId: string | undefined): boolean {
  return byStorage(() => accountId !== undefined && localStorage.getItem(wishKey()) === accountId) === true
}

export function setKeptHere(client: QueryClient, accountId: string, isWanted: boolean): void {
  byStorage(() =>
    isWanted ? localStorage.setItem(wishKey(), accountId) : localStorage.removeItem(wishKey()),
  )
  drop()
  write(client)
}

/** Storage may be switched off, or full; then nothing is kept. */
function byStorage<Found>(use: () => Found): Found | undefined {
  try {
    return use()
  } catch {
    return undefined
  }
}

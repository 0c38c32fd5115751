/**
 * Answers that wait for the network. None of them is in effect: each is sent as it was given, by the page that is still
 * open, or after the customer has said so again. What was asked is held to by its hash, as ever.
 */
import type { QueryClient } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import type { GrantView, Me } from '#schemas/types.gen.ts'
import { connection } from './connection.ts'
import { ProblemError, call, isOffline } from './http.ts'

export interface Act {
  readonly kind: 'withdraw' | 'pause' | 'resume' | 'block' | 'allow' | 'deny' | 'later'
  /** The permission, business or request it is about; a new answer takes the place of the one before. */
  readonly about: string
  readonly business: string
  readonly path: string
  readonly body: object
  /** Receipt of the terms it was given on, where it lets data leave again: with others it is not sent. */
  readonly terms?: string
}

export interface WaitingAct extends Act {
  readonly accountId: string
  /** `left`: the page was left meanwhile, so she is asked again. `refused`: it came too late, by `code`. */
  readonly state: 'waiting' | 'left' | 'refused'
  readonly code?: ProblemError['code']
  /** No answer came to it: it may be in effect. Said again, it is one and the same. */
  readonly sent?: true
}

const storageKey = () => `reach.waiting ${new URL(document.baseURI).pathname}`
let acts: readonly WaitingAct[] | undefined
const listeners = new Set<() => void>()

/** Sends it, or where nobody answers lets it wait and gives `undefined`. */
export async function sendOrWait<Reply>(client: QueryClient, act: Act): Promise<Reply | undefined> {
  const isSent = connection() === 'online'
  try {
    if (isSent) return await call<Reply>('POST', act.path, { body: act.body })
  } catch (error) {
    if (!isOffline(error)) throw error
  }
  const accountId = accountOf(client)
  if (accountId === undefined) throw new ProblemError('offline', 0, 'No reply')
  change([...others(act.about), { ...act, accountId, state: 'waiting', ...(isSent && { sent: true }) }])
  return undefined
}

/** Sends what waits, oldest first; `sent` is told each reply. Answers of somebody else are let go. */
export async function sendWaiting(
  client: QueryClient,
  sent: (act: WaitingAct, reply: unknown) => void,
): Promise<void> {
  for (const act of read()) {
    if (act.accountId !== accountOf(client)) cancelWaiting(act.about)
    else if (act.state === 'waiting' && !(await sendOne(act, sent))) return
  }
}

/** Gives false when nobody answers. */
async function sendOne(act: WaitingAct, sent: (act: WaitingAct, reply: unknown) => void): Promise<boolean> {
  let isSent = act.sent === true
  try {
    await demandTerms(act)
    isSent = true
    const reply = await call<unknown>('POST', act.path, { body: act.body, account: act.accountId })
    cancelWaiting(act.about)
    sent(act, reply)
    return true
  } catch (error) {
    // Let go meanwhile, such as when somebody else turned out to be signed in.
    if (!read().includes(act)) return true
    if (isOffline(error)) {
      if (isSent) change(read().map((one) => (one === act ? { ...act, sent: true } : one)))
      return false
    }
    const code = error instanceof ProblemError ? error.code : 'unknown'
    const isUnknown = code === 'unknown'
    // Who has to sign in first is asked again afterwards, and so is she where nobody knows what came of it.
    const state = isUnknown || code === 'not-signed-in' ? 'left' : 'refused'
    change([...others(act.about), { ...act, state, code, ...(isUnknown && isSent && { sent: true }) }])
    return true
  }
}

/** What she lets leave again is what she saw. Throws `conflict` when it was changed elsewhere since. */
async function demandTerms({ about, terms }: WaitingAct): Promise<void> {
  if (terms === undefined) return
  const { receiptId } = await call<GrantView>('GET', `api/grants/${encodeURIComponent(about)}`)
  if (receiptId !== terms) throw new ProblemError('conflict', 409, 'The terms are others by now')
}

/** She said again that it shall be sent. */
export function confirmWaiting(about: string): void {
  change(read().map((act) => (act.about === about ? { ...act, state: 'waiting' as const } : act)))
}

export function cancelWaiting(about: string): void {
  change(others(about))
}

export function forgetWaiting(): void {
  change([])
}

/** This customer is signed in: what anybody else left waiting is not hers to see, nor to send. */
export function keepWaitingOf(accountId: string): void {
  const own = read().filter((act) => act.accountId === accountId)
  if (own.length < read().length) change(own)
}

export function useWaiting(): readonly WaitingAct[] {
  return useSyncExternalStore((listener) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }, read)
}

export function useWaitingFor(about: string): WaitingAct | undefined {
  return useWaiting().find((act) => act.about === about)
}

const accountOf = (client: QueryClient) => client.getQueryData<Me>(['me'])?.accountId
const others = (about: string) => read().filter((act) => act.about !== about)

/** As this page left it; what an earlier page of this tab left is asked about again. */
function read(): readonly WaitingAct[] {
  acts ??= readLeft().map((act) => ({ ...act, state: 'left' as const }))
  return acts
}

function readLeft(): readonly WaitingAct[] {
  try {
    return JSON.parse(sessionStorage.getItem(storageKey()) ?? '[]')
  } catch {
    return []
  }
}

/** An Allow does not outlive its page: what would leave is to be looked at again. */
function change(next: readonly WaitingAct[]): void {
  acts = next
  try {
    const kept = next.filter(({ kind, state }) => kind !== 'allow' && state !== 'refused')
    if (kept.length === 0) sessionStorage.removeItem(storageKey())
    else sessionStorage.setItem(storageKey(), JSON.stringify(kept))
  } catch {
    // Storage may be switched off; then it waits as long as the page is open.
  }
  for (const listener of listeners) listener()
}

import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'
import { every } from '#core/jobs/every.ts'
import { createPodClient, isWebPage } from '#core/pods/client.ts'
import { resourceOf } from '#core/pods/vocabulary.ts'
import { commitUntilItHolds, gainAccess, gainCategory } from '#core/records/access.ts'
import { readAccount, readCustomerStanding } from '#core/records/accounts.ts'
import { listLostPods, lookLater, lookNoMore } from '#core/records/lost-pods.ts'
import type { LostPod } from '#core/records/lost-pods.ts'
import type { Stored } from '#core/records/parts.ts'
import type { ReachPods } from '../pods/reach-pods.ts'

const LOOK_EVERY_MS = 2_000
/** In one round. */
const MOST = 100
const AT_ONCE = 8
const TIMEOUT_MS = 5_000

export interface PodWatchParts {
  readonly ledger: Ledger
  readonly pods: Pick<ReachPods, 'agent'>
  /** Unix ms. */
  readonly now: () => number
}

/**
 * What another app shut, another app may open again: pods that were lost that way are looked at, first after seconds and
 * then ever more rarely, and grants that live go on by themselves. What the customer shut here only she opens, here.
 */
export function watchLostPods(parts: PodWatchParts & { readonly log: Logger }): AsyncDisposable {
  return every(LOOK_EVERY_MS, () =>
    lookAtLostPods(parts).catch((error: unknown) => parts.log.error('jobs-failed', {}, error)),
  )
}

/** One round: everything that is due. Throws afterwards for a customer who could not be looked at; that holds up nobody else. */
export async function lookAtLostPods(parts: PodWatchParts): Promise<void> {
  const due = await listLostPods(parts.ledger, parts.now(), MOST)
  const failures: unknown[] = []
  for (let at = 0; at < due.length; at += AT_ONCE)
    for (const look of await Promise.allSettled(due.slice(at, at + AT_ONCE).map((row) => lookAt(parts, row))))
      if (look.status === 'rejected') failures.push(look.reason)
  if (failures.length > 0) throw failures[0]
}

async function lookAt({ ledger, pods, now }: PodWatchParts, row: Stored<LostPod>): Promise<void> {
  const { accountId } = row.value
  const done = (await restored({ ledger, pods }, accountId)) ? lookNoMore(row) : lookLater(row, now())
  await ledger.commit(done).catch((error: unknown) => {
    // Another process looks as well, or something was lost anew meanwhile.
    if (!(error instanceof CommitRefused)) throw error
  })
}

/** Commits what is open again; gives whether there is nothing left to look for. */
async function restored({ ledger, pods }: Omit<PodWatchParts, 'now'>, accountId: string): Promise<boolean> {
  const account = (await readAccount(ledger, accountId))?.value
  const found = await readCustomerStanding(ledger, accountId)
  if (account === undefined || found === undefined || found.value.closedHere === true) return true
  const standing = found.value
  const pod = createPodClient({
    fetch: (url, init) => pods.agent.fetch(url, init, account),
    timeoutMs: TIMEOUT_MS,
  })
  if (standing.podAccess === 'lost') {
    // On the ground of how it stood before: what is lost again, or shut here, meanwhile stays so.
    const gained = await gainAccess(ledger, accountId, found)
    const seen = await pod.head(account.container).catch(() => undefined)
    if (gained === undefined || seen?.status !== 'found' || isWebPage(seen)) return false
    const held = await ledger.commit(gained).then(
      () => true,
      () => false,
    )
    if (!held) return false
  }
  const lost = standing.lostCategories ?? []
  const open = await Promise.all(
    lost.map((category) =>
      pod.get(resourceOf(account.container, category)).then(
        (seen) => !isWebPage(seen),
        () => false,
      ),
    ),
  )
  for (const [i, category] of lost.entries())
    if (open[i] === true) await commitUntilItHolds(ledger, () => gainCategory(ledger, accountId, category))
  return open.every(Boolean)
}

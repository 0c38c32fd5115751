import type { Category } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import { makeHistoryFolder } from '#core/pods/access.ts'
import type { PodClient } from '#core/pods/client.ts'
import type { CategoryValues, PodFetch } from '#core/pods/pod.ts'
import type { Account } from '#schemas/types.gen.ts'
import { historyResource, noHistory, noteSave, readHistory, writeHistory } from './profile-history.ts'
import type { History, How } from './profile-history.ts'

/** A save waits no longer for its note in the history; the note goes on by itself. */
const noteWithinMs = 2_000
const noteAttempts = 3

/** Her pod in her own session. */
export interface OwnPod {
  readonly account: Account
  readonly fetch: PodFetch
  readonly pod: PodClient
}

interface Saved {
  readonly category: Category
  /** `modifiedAt`: Unix ms, where the pod says so. */
  readonly before: { readonly values: CategoryValues; readonly modifiedAt?: number | undefined }
  readonly after: { readonly values: CategoryValues }
  readonly how: How
  /** Unix ms. */
  readonly at: number
}

/** Whether the history in the pod says so, too. What was saved is saved, whatever becomes of its note. */
export async function noteInPod(owned: OwnPod, save: Saved): Promise<boolean> {
  let waiting: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<false>((resolve) => {
    waiting = setTimeout(() => resolve(false), noteWithinMs)
  })
  const noted = keepNote(owned, save).then(
    () => true,
    () => false,
  )
  return await Promise.race([noted, late]).finally(() => clearTimeout(waiting))
}

async function keepNote(
  { account, fetch, pod }: OwnPod,
  { category, before, after, how, at }: Saved,
): Promise<void> {
  const { container, webId: owner } = account
  const url = historyResource(container, category)
  for (let attempt = 1; ; attempt++) {
    const { history, etag } = await readNotes(pod, url)
    const next = noteSave(history, {
      before: before.values,
      after: after.values,
      how,
      at,
      beforeAt: before.modifiedAt ?? at,
    })
    if (next.changes.length === 0) return
    if (etag === undefined) await makeHistoryFolder(fetch, { container, owner })
    try {
      const condition = etag === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: etag }
      await pod.put(url, writeHistory(next, url), condition)
      return
    } catch (error) {
      const raced = error instanceof DomainError && error.code === 'pod-changed'
      if (!raced || attempt === noteAttempts) throw error
    }
  }
}

/** `etag` is `undefined` where there is no document yet. */
export async function readNotes(
  pod: PodClient,
  url: string,
): Promise<{ history: History; etag: string | undefined }> {
  const { status, etag, body } = await pod.get(url)
  if (status === 'missing') return { history: noHistory, etag: undefined }
  if (etag === undefined) throw new DomainError('pod-unreadable', 'The pod does not number its versions')
  return { history: readHistory(body, url), etag }
}

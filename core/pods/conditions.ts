import { randomBytes } from 'node:crypto'
import { DomainError } from '#core/domain/errors.ts'
import { createPodClient } from './client.ts'
import { removeVersion } from './copy.ts'
import type { PodFetch } from './pod.ts'

const KEPT_MS = 24 * 3_600_000
const MAX_KEPT = 10_000
const WORDS = '# Reach finds out whether this server refuses what comes too late. This file may be deleted.\n'

/** Resolves where a write that came too late would be refused; else refuses with `pod-unsafe`. As the owner of the container. */
export type WriteCheck = (fetch: PodFetch, container: string) => Promise<void>

/**
 * There are pod servers that take no notice of `If-Match` and `If-None-Match` (RFC 9110, 13.1): there, a save could undo what
 * another app wrote a moment before, and nobody would know. Found out once a day, by a document of our own that is written
 * twice; before anything of the customer's is. That a server does as it should is known for all its customers. That it does not is
 * known for the folder where it was seen: who deletes our document in between can make it look so. `now` in Unix ms.
 */
export function createWriteCheck(now: () => number): WriteCheck {
  const honouring = new Map<string, number>()
  const checks = new Map<string, { at: number; honours: Promise<boolean> }>()
  const isFresh = (at: number | undefined) => at !== undefined && now() - at <= KEPT_MS

  return async (fetch, container) => {
    const { origin } = new URL(container)
    if (isFresh(honouring.get(origin))) return
    let check = checks.get(container)
    if (check === undefined || !isFresh(check.at)) {
      check = { at: now(), honours: honoursConditions(fetch, container) }
      keep(checks, container, check)
      // That it could not be asked now says nothing about it.
      check.honours.catch(() => checks.delete(container))
    }
    if (!(await check.honours))
      throw new DomainError(
        'pod-unsafe',
        'The pod server would let a save undo what another app has just written',
      )
    keep(honouring, origin, check.at)
    checks.delete(container)
  }
}

function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  if (map.size >= MAX_KEPT) map.clear()
  map.set(key, value)
}

async function honoursConditions(fetch: PodFetch, container: string): Promise<boolean> {
  const pod = createPodClient({ fetch })
  const url = `${container}reach-check-${randomBytes(9).toString('hex')}.ttl`
  await pod.put(url, WORDS, { ifNoneMatch: '*' })
  try {
    const late = [{ ifMatch: '"reach-was-never-here"' }, { ifNoneMatch: '*' }] as const
    for (const condition of late) if (await takes(pod.put(url, WORDS, condition))) return false
    return true
  } finally {
    // Left behind it does no harm.
    await removeVersion(fetch, url, undefined).catch(() => undefined)
  }
}

async function takes(put: Promise<unknown>): Promise<boolean> {
  try {
    await put
    return true
  } catch (error) {
    if (error instanceof DomainError && error.code === 'pod-changed') return false
    throw error
  }
}

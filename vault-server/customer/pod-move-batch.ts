import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { DomainError } from '#core/domain/errors.ts'
import { FileTooLarge, copyFile, versionOf } from '#core/pods/copy.ts'
import type { CopyEnd } from '#core/pods/copy.ts'
import type { Stored } from '#core/records/parts.ts'
import type { MovedFile, PodMove } from '#core/records/pod-moves.ts'

/** Copied before the next commit: few enough for one page to show that it goes on, and little to be done again after a crash. */
const FILES_A_BATCH = 8
const BYTES_A_BATCH = 4 * 1024 * 1024
/** How long a step waits for its batch; a large file takes several steps, each of which says how far it is. */
const STEP_MS = 5_000

/**
 * Files being copied, which goes on after the request that began it. Nothing of it is committed by itself: if the process
 * ends, or nobody comes back for it, it is done again.
 */
export interface Batch {
  /** What became of the files it took, `undefined` for one that is gone; itself `undefined` while it takes longer. */
  wait(): Promise<ReadonlyMap<string, MovedFile | undefined> | undefined>
  /** Copied so far. */
  readonly bytes: number
  stop(): void
}

/** By move and version of its row: whatever is committed to it begins another one. */
export type Batches = LRUCache<string, Batch>
const MOST_BATCHES = 1_000
const BATCH_MS = 24 * 3_600_000

export function createBatches(): Batches {
  return new LRUCache({ max: MOST_BATCHES, ttl: BATCH_MS })
}

export function batchOf({ key, version }: Stored<PodMove>): string {
  return `${key} ${version}`
}

/** Copies the first of those that wait. */
export function startBatch(ends: { from: CopyEnd; to: CopyEnd }, waiting: readonly MovedFile[]): Batch {
  let bytes = 0
  let isStopped = false
  async function copy(): Promise<ReadonlyMap<string, MovedFile | undefined>> {
    const copied = new Map<string, MovedFile | undefined>()
    for (const file of waiting.slice(0, FILES_A_BATCH)) {
      const before = bytes
      const onBytes = (count: number) => {
        if (isStopped) throw new DomainError('conflict', 'The move was given up')
        bytes = before + count
      }
      const moved = await copyOrLeave(ends, file, onBytes)
      copied.set(file.name, moved)
      bytes = before + (moved?.bytes ?? 0)
      if (bytes > BYTES_A_BATCH || isStopped) break
    }
    return copied
  }
  const done = copy()
  // Whoever waits for it is told; somebody need not.
  done.catch(() => undefined)
  return {
    wait: () => within(STEP_MS, done),
    get bytes() {
      return bytes
    },
    stop: () => (isStopped = true),
  }
}

/** `undefined` when it takes longer. */
async function within<Result>(ms: number, work: Promise<Result>): Promise<Result | undefined> {
  const stop = new AbortController()
  const late = sleep(ms, undefined, { signal: stop.signal }).catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    stop.abort()
  }
}

/** What is larger than the operator lets through stays where it is, and is told; everything else goes along. */
async function copyOrLeave(
  { from, to }: { from: CopyEnd; to: CopyEnd },
  file: MovedFile,
  onBytes: (bytes: number) => void,
): Promise<MovedFile | undefined> {
  const { name } = file
  try {
    const proof = await copyFile(from, to, file, onBytes)
    return proof && { name, ...proof }
  } catch (error) {
    if (!(error instanceof FileTooLarge)) throw error
    const etag = await versionOf(from.fetch, from.container + name)
    return etag === undefined ? undefined : { name, etag, tooLarge: true }
  }
}

import type { LedgerReader } from '#core/ledger/ledger.ts'
import { asFound, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

export interface PodPlace {
  readonly webId: string
  readonly issuer: string
  readonly podUrl: string
  readonly container: string
}

export interface MovedFile {
  /** Relative to the container. */
  readonly name: string
  /** Of the version that was copied and proven; absent while it waits. */
  readonly etag?: string
  /** SHA-256 of the bytes that the new pod gave back, base64url; while it waits, of an older copy. */
  readonly digest?: string
  /** Of what was proven; while it waits, as the old pod's listing has it. */
  readonly bytes?: number
  /** It stays in the old pod, which nobody deletes it from. */
  readonly tooLarge?: true
}

/**
 * A customer's data on their way from one pod to another. It stands in the ledger after each step, so whatever happens in
 * between, the next step goes on.
 */
export interface PodMove {
  readonly v: 1
  /** `moved`: everything is proven and the account points to the new pod; the old copies are still there. */
  readonly state: 'copying' | 'moved'
  readonly from: PodPlace
  readonly to: PodPlace
  /** The customer's own logins at either end. */
  readonly fromLogin: string
  readonly toLogin: string
  /** `undefined` until the old pod was looked through. */
  readonly files?: readonly MovedFile[]
  /** Names of documents and folders whose own rules of access did not all go along. */
  readonly rulesLeft?: readonly string[]
  /** Unix ms. */
  readonly startedAt: number
}

const key = (accountId: string) => `pod-move/${accountId}`

export function readPodMove(reader: LedgerReader, accountId: string): Promise<Stored<PodMove> | undefined> {
  return read<PodMove>(reader, key(accountId))
}

/** Refused (`changed`) when another one began meanwhile. */
export function beginPodMove(
  before: Stored<PodMove> | undefined,
  accountId: string,
  move: PodMove,
): CommitParts {
  return {
    checks: [asFound(key(accountId), before)],
    writes: [put(key(accountId), move, { customer: accountId })],
  }
}

export function changePodMove(stored: Stored<PodMove>, accountId: string, move: PodMove): CommitParts {
  return { checks: [unchanged(stored)], writes: [put(stored.key, move, { customer: accountId })] }
}

export function endPodMove(stored: Stored<PodMove>): CommitParts {
  return { checks: [unchanged(stored)], writes: [remove(stored.key)] }
}

export function forgetPodMove(accountId: string): CommitParts {
  return { writes: [remove(key(accountId))] }
}

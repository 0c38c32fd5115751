/** What the pod server's process and its parent say to each other over the IPC channel, which keeps order. */

export interface ChildStart {
  readonly type: 'start'
  readonly baseUrl: string
  readonly socket: string
  readonly root: string
  readonly accessRules: 'wac' | 'acp'
  /** What one pod may hold. */
  readonly podBytes: number
  /** Account creation is refused unless its body carries this: whatever way to spell the URL is found. */
  readonly creationSecret: string
  /**
   * Origins that the pod server may call although they are private: the vault, itself, and what the operator
   * allows.
   */
  readonly outboundAllow: readonly string[]
}

export type ToChild = ChildStart | { readonly type: 'stop' }

export type FromChild =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly reason: string }
  /** The resource was written, or may have been. Numbers start at 1 and leave none out. */
  | { readonly type: 'changed'; readonly seq: number; readonly url: string }
  /** A write was refused, since the pod is full. */
  | { readonly type: 'full' }
  /** Every change up to `seq` has been told; `at` is by `machineMs`. */
  | { readonly type: 'beat'; readonly seq: number; readonly at: number }

/** Member of the JSON body of the account-creating POST. */
export const CREATION_SECRET = 'reachCreationSecret'

/** Every this many ms the child says that it lives and how far it has told. */
export const BEAT_MS = 250

/**
 * Milliseconds by the machine's own clock: the same in all its processes, and nobody sets it. Not the time of
 * day, which may jump, and which a test may turn.
 */
export function machineMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}

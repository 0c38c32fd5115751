import { useSyncExternalStore } from 'react'

/** Whether Reach can be asked: the device has no network, or Reach does not answer, or all is well. */
export type Connection = 'online' | 'no-network' | 'no-answer'

let isReached = globalThis.navigator?.onLine !== false
const listeners = new Set<() => void>()

export function connection(): Connection {
  if (isReached) return 'online'
  return navigator.onLine ? 'no-answer' : 'no-network'
}

/** A call had no reply. Only asking who is signed in finds the way back (`noteReply`), so that one address that fails does not flicker. */
export function noteNoReply(): void {
  note(false)
}

export function noteReply(): void {
  note(true)
}

function note(found: boolean): void {
  if (isReached === found) return
  isReached = found
  tell()
}

function tell(): void {
  for (const listener of listeners) listener()
}

export function useConnection(): Connection {
  return useSyncExternalStore(onChange, connection)
}

export function onChange(listener: () => void): () => void {
  if (listeners.size === 0) {
    window.addEventListener('offline', noteNoReply)
    // The network is back; whether Reach is, the next call tells.
    window.addEventListener('online', tell)
  }
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    window.removeEventListener('offline', noteNoReply)
    window.removeEventListener('online', tell)
  }
}

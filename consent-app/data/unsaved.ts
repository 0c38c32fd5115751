import { useSyncExternalStore } from 'react'

/** Whether something that was typed is not in the pod yet, for pages that know nothing of forms. */
let unsaved = false
const listeners = new Set<() => void>()

/** While something is unsaved the browser asks before the page goes. */
export function setUnsaved(now: boolean): void {
  if (now === unsaved) return
  unsaved = now
  if (now) window.addEventListener('beforeunload', askToStay)
  else window.removeEventListener('beforeunload', askToStay)
  for (const listener of listeners) listener()
}

export function useUnsaved(): boolean {
  return useSyncExternalStore(subscribe, () => unsaved)
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function askToStay(event: BeforeUnloadEvent): void {
  event.preventDefault()
}

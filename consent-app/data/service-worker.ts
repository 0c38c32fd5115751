import { vaultUrl } from './ask.ts'

/**
 * Has the browser serve the app's own files while the network does not. Browsers look by themselves whether there is a newer
 * one. Where they have none, or it is switched off, the app works as before.
 */
export async function serveOffline(): Promise<void> {
  if (!('serviceWorker' in navigator)) return
  await navigator.serviceWorker
    .register(vaultUrl('service-worker.js'), { updateViaCache: 'none' })
    .catch(() => undefined)
}

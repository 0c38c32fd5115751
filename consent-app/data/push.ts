import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { AddBrowser, NotificationsView } from '#schemas/types.gen.ts'
import { vaultUrl } from './ask.ts'
import { call } from './http.ts'
import { serveOffline } from './service-worker.ts'

/** The person, or her browser, does not let this page show messages. */
export class PushRefused extends Error {}

export function canPush(): boolean {
  return 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window
}

/** Whether this very browser is pushed to, for this customer: what it holds may be somebody else's, or forgotten by the vault. */
export function usePushHere({ browsers }: Pick<NotificationsView, 'browsers'>): boolean {
  const { data } = useQuery({
    queryKey: ['push-here'],
    queryFn: async () => {
      const made = await subscriptionHere()
      return made === undefined ? null : await digestOf(made.endpoint)
    },
    enabled: canPush(),
  })
  return typeof data === 'string' && browsers.includes(data)
}

async function digestOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return btoa(String.fromCharCode(...digest)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

export function useStartPush() {
  return usePushAct(async (pushKey: string) => {
    if ((await Notification.requestPermission()) !== 'granted') throw new PushRefused()
    await serveOffline()
    const registration = await navigator.serviceWorker.ready
    const made = await registration.pushManager
      .subscribe({ userVisibleOnly: true, applicationServerKey: pushKey })
      .catch((cause: unknown) => {
        throw new PushRefused('', { cause })
      })
    const { endpoint = '', keys = {} } = made.toJSON()
    const body: AddBrowser = { endpoint, p256dh: keys['p256dh'] ?? '', auth: keys['auth'] ?? '' }
    return await call<NotificationsView>('POST', 'api/notifications/browsers', { body })
  })
}

export function useStopPush() {
  return usePushAct(async () => {
    const made = await subscriptionHere()
    const body = made === undefined ? {} : { endpoint: made.endpoint }
    const view = await call<NotificationsView>('POST', 'api/notifications/browsers/remove', { body })
    await made?.unsubscribe()
    return view
  })
}

async function subscriptionHere(): Promise<PushSubscription | undefined> {
  const registration = await navigator.serviceWorker.getRegistration(vaultUrl('./'))
  return (await registration?.pushManager.getSubscription()) ?? undefined
}

function usePushAct<Told>(act: (told: Told) => Promise<NotificationsView>) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: act,
    onSuccess: (view) => {
      client.setQueryData(['notifications'], view)
      void client.invalidateQueries({ queryKey: ['push-here'] })
    },
  })
}

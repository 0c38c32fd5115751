import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { NotificationsView, Reminders, ReminderView } from '#schemas/types.gen.ts'
import { call } from './http.ts'
import { sendOrWait } from './waiting.ts'

/** What should be looked at and was not answered yet, newest first. */
export function useReminders() {
  return useQuery({
    queryKey: ['reminders'],
    queryFn: async ({ signal }) => (await call<Reminders>('GET', 'api/reminders', { signal })).reminders,
  })
}

/** All is well: the reminder rests until its time comes again. */
export function useAnswerReminder({ grantId, kind }: ReminderView) {
  return useReminderAct(() =>
    call<undefined>('POST', `api/reminders/${encodeURIComponent(grantId)}/answer`, { body: { kind } }),
  )
}

/** `undefined` when it waits for the network. */
export function usePauseUnused({ grantId, vendor: { name: business } }: ReminderView) {
  const client = useQueryClient()
  const path = `api/grants/${encodeURIComponent(grantId)}/pause`
  return useReminderAct(() =>
    sendOrWait(client, { kind: 'pause', about: grantId, business, path, body: {} }),
  )
}

function useReminderAct(act: () => Promise<unknown>) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: act,
    onSuccess: () => {
      for (const key of ['reminders', 'grants', 'activity'])
        void client.invalidateQueries({ queryKey: [key] })
    },
  })
}

export function useNotifications() {
  return useQuery({
    queryKey: ['notifications'],
    queryFn: ({ signal }) => call<NotificationsView>('GET', 'api/notifications', { signal }),
  })
}

export function useSetEmail() {
  return useNotificationAct((address: string) =>
    call<NotificationsView>('POST', 'api/notifications/email', { body: { address } }),
  )
}

export function useConfirmEmail() {
  return useNotificationAct((confirm: string) =>
    call<NotificationsView>('POST', 'api/notifications/email/confirm', { body: { confirm } }),
  )
}

export function useRemoveEmail() {
  return useNotificationAct(() =>
    call<NotificationsView>('POST', 'api/notifications/email/remove', { body: {} }),
  )
}

function useNotificationAct<Told>(act: (told: Told) => Promise<NotificationsView>) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: act,
    onSuccess: (view) => client.setQueryData(['notifications'], view),
  })
}

/** Ends all messages, by what was in the link; needs nobody signed in. */
export function useStopMessages() {
  return useMutation({
    mutationFn: (stop: string) =>
      call<undefined>('POST', `unsubscribe/${encodeURIComponent(stop)}`, { body: {} }),
  })
}

import { useQueryClient } from '@tanstack/react-query'
import type { QueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import type { LiveChange } from '#schemas/types.gen.ts'
import { useConnection } from './connection.ts'
import { vaultUrl } from './ask.ts'

/** What may have changed with an entry of the log. What is being typed (categories, terms) is left alone. */
const ofEverything = ['activity', 'activity-found', 'grants', 'requests', 'boundaries', 'reminders', 'me']
const ofReads = ['activity', 'activity-found', 'grants', 'reminders']

/**
 * Keeps what is shown as it is in the vault while the page is looked at: told over one stream what changed, it reads that
 * again. A page in the background has no stream, and catches up when it is looked at.
 */
export function useLive(): void {
  const client = useQueryClient()
  const isOnline = useConnection() === 'online'
  useEffect(() => {
    if (!isOnline) return
    let stream: EventSource | undefined
    let seen: string | undefined
    const open = () => {
      const url = vaultUrl('api/events')
      if (seen !== undefined) url.searchParams.set('since', seen)
      stream = new EventSource(url)
      stream.addEventListener('begun', ({ lastEventId }: MessageEvent) => {
        seen = lastEventId
      })
      stream.addEventListener('changed', ({ data, lastEventId }: MessageEvent<string>) => {
        seen = lastEventId
        refresh(client, JSON.parse(data) as LiveChange)
      })
      // Broken off: whether Reach still answers, this tells.
      stream.addEventListener('error', () => void client.invalidateQueries({ queryKey: ['me'] }))
      stream.addEventListener('signed-out', () => {
        stream?.close()
        void client.invalidateQueries({ queryKey: ['me'] })
      })
    }
    const follow = () => {
      const isOpen = stream !== undefined && stream.readyState !== EventSource.CLOSED
      if (document.visibilityState === 'hidden') stream?.close()
      else if (!isOpen) open()
    }
    follow()
    document.addEventListener('visibilitychange', follow)
    return () => {
      document.removeEventListener('visibilitychange', follow)
      stream?.close()
    }
  }, [client, isOnline])
}

function refresh(client: QueryClient, { kinds }: LiveChange): void {
  const touched = kinds.every((kind) => kind === 'disclosed') ? ofReads : ofEverything
  for (const key of touched) void client.invalidateQueries({ queryKey: [key] })
}

import { useQueryClient } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import { useConnection } from '../data/connection.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Icon } from './icons.tsx'
import styles from './offline-banner.module.css'

/** Says while Reach cannot be asked that it cannot, as of when the page is, and that decisions wait. */
export function OfflineBanner() {
  const { text } = useText()
  const formats = useFormats()
  const connection = useConnection()
  const asOf = useAsOf()
  return (
    <div role="status">
      {connection !== 'online' && (
        <p className={styles.banner}>
          <Icon name="offline" />
          <span>
            {text(`offline.${connection}`)}{' '}
            {asOf > 0 && <b>{text('offline.as-of', { moment: formats.moment(asOf) })}</b>}{' '}
            {text('offline.decisions')}
          </span>
        </p>
      )}
    </div>
  )
}

/** What says nothing of the customer, or is not from the vault. */
const without: readonly unknown[] = ['me', 'catalogue', 'push-here', 'decided']

/** When the oldest of what the page shows was read, Unix ms; 0 when it shows nothing that was. */
function useAsOf(): number {
  const cache = useQueryClient().getQueryCache()
  return useSyncExternalStore(
    (listener) => cache.subscribe(() => queueMicrotask(listener)),
    () => {
      const shown = cache.findAll({ type: 'active' }).filter(({ queryKey }) => !without.includes(queryKey[0]))
      const times = shown.map(({ state }) => state.dataUpdatedAt).filter((at) => at > 0)
      return times.length === 0 ? 0 : Math.min(...times)
    },
  )
}

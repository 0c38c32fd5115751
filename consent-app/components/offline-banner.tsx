import { useSyncExternalStore } from 'react'
import { useText } from '../messages/text.tsx'
import { Icon } from './icons.tsx'
import styles from './offline-banner.module.css'

/** Says that the device is offline while it is: what is on the screen stays, decisions wait. */
export function OfflineBanner() {
  const { text } = useText()
  const online = useSyncExternalStore(onConnectionChange, () => navigator.onLine)
  return (
    <div role="status">
      {!online && (
        <p className={styles.banner}>
          <Icon name="offline" />
          {text('offline.body')}
        </p>
      )}
    </div>
  )
}

function onConnectionChange(listener: () => void): () => void {
  window.addEventListener('online', listener)
  window.addEventListener('offline', listener)
  return () => {
    window.removeEventListener('online', listener)
    window.removeEventListener('offline', listener)
  }
}

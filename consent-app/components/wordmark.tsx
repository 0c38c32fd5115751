import { useText } from '../messages/text.tsx'
import { Mark } from './mark.tsx'
import styles from './wordmark.module.css'

export function Wordmark({ size = 28 }: { size?: number }) {
  const { text } = useText()
  return (
    <span className={styles.wordmark}>
      <Mark size={size} />
      <span>{text('app.name')}</span>
    </span>
  )
}

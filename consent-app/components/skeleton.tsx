import { useText } from '../messages/text.tsx'
import { VisuallyHidden } from './layout.tsx'
import styles from './skeleton.module.css'

/** The shape of what is coming, so that nothing jumps when it is there. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  const { text } = useText()
  return (
    <div className={styles.skeleton} role="status">
      <VisuallyHidden>{text('app.loading')}</VisuallyHidden>
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} className={styles.line} aria-hidden="true" />
      ))}
    </div>
  )
}

export function PageSkeleton() {
  return (
    <div className={styles.page}>
      <Skeleton lines={5} />
    </div>
  )
}

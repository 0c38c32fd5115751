import { useLocation } from 'react-router'
import { useText } from '../messages/text.tsx'
import { FirstLook } from './first-look.tsx'
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

/** Before any frame is there: what the page came with. */
export function FirstSkeleton() {
  const { text } = useText()
  const alone = useLocation().pathname.startsWith('/consent/')
  return (
    <>
      <p role="status">
        <VisuallyHidden>{text('app.loading')}</VisuallyHidden>
      </p>
      <FirstLook alone={alone} />
    </>
  )
}

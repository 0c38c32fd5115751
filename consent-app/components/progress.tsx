import { useId } from 'react'
import type { ReactNode } from 'react'
import styles from './progress.module.css'

/** How far something has come, for eyes and for screen readers; the words below tell the same. */
export function Progress({
  label,
  value,
  max,
  children,
}: {
  label: string
  value: number
  max: number
  children: ReactNode
}) {
  const id = useId()
  return (
    <div className={styles.progress}>
      <progress
        className={styles.bar}
        aria-label={label}
        aria-describedby={id}
        value={value}
        max={Math.max(max, 1)}
      />
      <p id={id} className={styles.words}>
        {children}
      </p>
    </div>
  )
}

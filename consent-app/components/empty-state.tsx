import type { ReactNode } from 'react'
import styles from './empty-state.module.css'
import { StateMark } from './mark.tsx'

/** Nothing here yet: says what will stand here, and the way to it. */
export function EmptyState({
  title,
  act,
  children,
}: {
  title: string
  act?: ReactNode
  children: ReactNode
}) {
  return (
    <div className={styles.empty}>
      <StateMark state="waiting" size={40} />
      <h3>{title}</h3>
      <p>{children}</p>
      {act}
    </div>
  )
}

import type { ReactNode } from 'react'
import styles from './bare.module.css'
import { Wordmark } from './wordmark.tsx'

/** The frame of a page that stands alone: the name, at most one line beside it, and the page. */
export function Bare({
  aside,
  wide = false,
  children,
}: {
  aside?: ReactNode
  wide?: boolean
  children: ReactNode
}) {
  return (
    <div className={styles.bare}>
      <header className={styles.head}>
        <Wordmark />
        {aside}
      </header>
      <main className={wide ? styles.wide : styles.narrow}>{children}</main>
    </div>
  )
}

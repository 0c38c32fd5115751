import type { ReactNode } from 'react'
import styles from './bare.module.css'
import { LanguageChoice } from './language-choice.tsx'
import { Wordmark } from './wordmark.tsx'

/** The frame of a page that stands alone: the name, at most one line beside it, the page, and the languages. */
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
      <footer className={styles.foot}>
        <LanguageChoice />
      </footer>
    </div>
  )
}

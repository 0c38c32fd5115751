import type { ReactNode } from 'react'
import styles from './fold.module.css'

/** What only some want to see: closed until it is asked for. */
export function Fold({ title, children }: { title: string; children: ReactNode }) {
  return (
    <details className={styles.fold}>
      <summary>{title}</summary>
      {children}
    </details>
  )
}

/** Data letter by letter. */
export function ExactText({ label, children }: { label: string; children: string }) {
  return (
    <pre className={styles.exact} tabIndex={0} role="region" aria-label={label}>
      <bdi>{children}</bdi>
    </pre>
  )
}

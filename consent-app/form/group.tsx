import type { ReactNode } from 'react'
import styles from './form.module.css'

/** Several controls under one name. */
export function Group({
  title,
  description,
  error,
  children,
}: {
  title: ReactNode
  description?: string | undefined
  error?: string | undefined
  children: ReactNode
}) {
  return (
    <fieldset className={styles.group}>
      <legend className={styles.legend}>{title}</legend>
      {description !== undefined && <p className={styles.description}>{description}</p>}
      {children}
      {error !== undefined && <p className={styles.error}>{error}</p>}
    </fieldset>
  )
}

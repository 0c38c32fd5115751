import { useEffect, useRef } from 'react'
import type { ReactNode } from 'react'
import { useFormats, useText } from '../messages/text.tsx'
import { classNames } from './class-names.ts'
import styles from './layout.module.css'

/**
 * Title of a page: names the browser's tab and takes the focus when the page comes up, so that a screen reader says
 * where one is and the keyboard begins at the top.
 */
export function PageTitle({ title, children }: { title: string; children?: ReactNode }) {
  const name = useText().text('app.name')
  const { locale } = useFormats()
  const heading = useRef<HTMLHeadingElement>(null)
  const spoken = useRef(locale)
  useEffect(() => {
    document.title = `${title} · ${name}`
    // The same page in another language: whoever chose it stays where she is.
    const isSame = spoken.current !== locale
    spoken.current = locale
    if (isSame) return
    heading.current?.focus({ preventScroll: true })
    window.scrollTo(0, 0)
  }, [title, name, locale])
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children ?? title}
    </h1>
  )
}

export function Lead({ children }: { children: ReactNode }) {
  return <p className={styles.lead}>{children}</p>
}

/** A part of a page under its own heading. */
export function Section({
  title,
  aside,
  children,
}: {
  title: string
  aside?: ReactNode
  children: ReactNode
}) {
  return (
    <section className={styles.section}>
      <div className={styles.sectionHead}>
        <h2>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  )
}

export function Card({ children, tone = 'plain' }: { children: ReactNode; tone?: 'plain' | 'sunk' }) {
  return <div className={classNames(styles.card, tone === 'sunk' && styles.sunk)}>{children}</div>
}

/** Rows of a name and what it says. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className={styles.facts}>{children}</dl>
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

export function Stack({ children, gap = 'm' }: { children: ReactNode; gap?: 's' | 'm' | 'l' }) {
  return <div className={classNames(styles.stack, styles[`gap-${gap}`])}>{children}</div>
}

export function Row({ children }: { children: ReactNode }) {
  return <div className={styles.row}>{children}</div>
}

export function Soft({ children }: { children: ReactNode }) {
  return <p className={styles.soft}>{children}</p>
}

/** Words of a business or of a pod: inert, and set apart so that no direction mark reaches our own words. */
export function Theirs({ children }: { children: string }) {
  return <bdi>{children}</bdi>
}

export function VisuallyHidden({ children }: { children: ReactNode }) {
  return <span className={styles.hidden}>{children}</span>
}

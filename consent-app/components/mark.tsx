import styles from './mark.module.css'

/**
 * The mark of Reach: a ring that the customer can open, and what passes through the opening. The states of a grant
 * are drawn as the same ring (`StateMark`).
 */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" className={styles.mark}>
      <path d="M24.9 22.2a10.8 10.8 0 1 1 0-12.4" className={styles.ring} />
      <circle cx="27" cy="16" r="2.9" className={styles.dot} />
    </svg>
  )
}

export type RingState =
  | 'active'
  | 'waiting'
  | 'paused'
  | 'used-up'
  | 'withdrawn'
  | 'expired'
  | 'refused'
  | 'attention'

/** A ring per state, told apart by shape as well as colour. Decorative: the word stands beside it. */
export function StateMark({ state, size = 20 }: { state: RingState; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 32 32"
      aria-hidden="true"
      className={styles.mark}
      data-state={state}
    >
      {shapes[state]}
    </svg>
  )
}

const open = <path d="M24.9 22.2a10.8 10.8 0 1 1 0-12.4" className={styles.ring} />
const closed = <circle cx="16" cy="16" r="10.8" className={styles.ring} />

const shapes: Record<RingState, React.ReactNode> = {
  active: (
    <>
      {open}
      <circle cx="27" cy="16" r="2.9" className={styles.dot} />
    </>
  ),
  waiting: (
    <>
      {open}
      <circle cx="16" cy="16" r="2.9" className={styles.dot} />
    </>
  ),
  paused: (
    <>
      {closed}
      <path d="M13 12.2v7.6M19 12.2v7.6" className={styles.line} />
    </>
  ),
  'used-up': (
    <>
      {closed}
      <circle cx="16" cy="16" r="2.9" className={styles.dot} />
    </>
  ),
  withdrawn: (
    <>
      {closed}
      <path d="M11.6 16h8.8" className={styles.line} />
    </>
  ),
  refused: (
    <>
      {closed}
      <path d="M11.6 16h8.8" className={styles.line} />
    </>
  ),
  expired: (
    <>
      {closed}
      <path d="M16 10.6V16l3.4 2.6" className={styles.line} />
    </>
  ),
  attention: (
    <>
      {closed}
      <path d="M16 10.6v6.4M16 21v.1" className={styles.line} />
    </>
  ),
}

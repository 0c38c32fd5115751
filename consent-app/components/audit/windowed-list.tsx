import { useEffect, useRef, useState } from 'react'
import type { ReactNode } from 'react'
import styles from './windowed-list.module.css'

/** Rows drawn beyond the edges of the screen, so that scrolling and the Tab key find them. */
const AHEAD = 12
/** A list of no more than this is drawn whole, so that it can be printed and searched by the browser. */
const WHOLE = 200

/**
 * A list of which only the rows in sight are drawn, however long it is. All rows are `height` px. `onNearEnd` is called when the end
 * comes into sight, to fetch more.
 */
export function WindowedList({
  label,
  count,
  height,
  row,
  onNearEnd,
}: {
  label: string
  count: number
  height: number
  row: (at: number) => ReactNode
  onNearEnd: () => void
}) {
  const list = useRef<HTMLOListElement>(null)
  const [{ first, last }, setShown] = useState({ first: 0, last: 2 * AHEAD })
  useEffect(() => {
    const look = () => {
      const top = list.current?.getBoundingClientRect().top ?? 0
      const from = Math.max(0, Math.floor(-top / height) - AHEAD)
      const to = Math.ceil((window.innerHeight - top) / height) + AHEAD
      setShown((before) => (before.first === from && before.last === to ? before : { first: from, last: to }))
    }
    look()
    window.addEventListener('scroll', look, { passive: true })
    window.addEventListener('resize', look)
    return () => {
      window.removeEventListener('scroll', look)
      window.removeEventListener('resize', look)
    }
  }, [height, count])
  const isNearEnd = last >= count
  useEffect(() => {
    if (isNearEnd) onNearEnd()
  }, [isNearEnd, onNearEnd])
  const end = count <= WHOLE ? count : Math.min(last, count)
  const begin = count <= WHOLE ? 0 : Math.min(first, end)
  return (
    <ol
      ref={list}
      className={styles.list}
      aria-label={label}
      style={{ paddingBlockStart: begin * height, paddingBlockEnd: (count - end) * height }}
    >
      {Array.from({ length: end - begin }, (_, i) => (
        <li
          key={begin + i}
          className={styles.row}
          style={{ blockSize: height }}
          aria-setsize={count}
          aria-posinset={begin + i + 1}
        >
          {row(begin + i)}
        </li>
      ))}
    </ol>
  )
}

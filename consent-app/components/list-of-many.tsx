import { useState } from 'react'
import type { ReactElement } from 'react'
import { useGrowing } from './growing-list.ts'
import { Stack } from './layout.tsx'
import styles from './list-of-many.module.css'
import { MoreButton } from './more-button.tsx'

/** Each with a key: so many at first, and with a press some of those that are left. */
export function ListOfMany({ items, first }: { items: readonly ReactElement[]; first: number }) {
  const [count, setCount] = useState(first)
  const { list, grow } = useGrowing<HTMLUListElement>('li')
  const left = items.length - count
  return (
    <Stack>
      <ul ref={list} className={styles.list}>
        {items.slice(0, count).map((item) => (
          <li key={item.key}>{item}</li>
        ))}
      </ul>
      {left > 0 && (
        <div>
          <MoreButton
            left={left}
            onMore={(most) => {
              grow()
              setCount(count + most)
            }}
          />
        </div>
      )}
    </Stack>
  )
}

import { useState } from 'react'
import type { ReactElement } from 'react'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { useGrowing } from './growing-list.ts'
import { Stack } from './layout.tsx'
import styles from './list-of-many.module.css'

/** With each press. */
const more = 50

/** Each with a key: so many at first, and with a press some of those that are left. */
export function ListOfMany({ items, first }: { items: readonly ReactElement[]; first: number }) {
  const { text } = useText()
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
          <Button
            small
            onPress={() => {
              grow()
              setCount(count + more)
            }}
          >
            {text('list.more', { count: Math.min(left, more), left })}
          </Button>
        </div>
      )}
    </Stack>
  )
}

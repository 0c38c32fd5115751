import type { ReactNode } from 'react'
import { Button } from './button.tsx'
import styles from './decision.module.css'

interface Choice {
  readonly label: string
  readonly onChoose: () => void
  readonly isPending?: boolean
}

/**
 * Every decision in Reach is drawn by this component: two answers of the same size, weight and contrast, one Tab step
 * apart, in one row; what puts the decision off stands beside them. That the answers are equal is a property of this
 * file and of nothing else. While one answer is on its way none of them takes a press.
 */
export function Decision({
  first,
  second,
  beside,
  note,
}: {
  first: Choice
  second: Choice
  beside?: Choice | undefined
  note?: ReactNode
}) {
  const busy = [first, second, beside].some((choice) => choice?.isPending === true)
  const press = (choice: Choice) => () => {
    if (!busy) choice.onChoose()
  }
  return (
    <div className={styles.decision}>
      <div className={styles.pair}>
        {[first, second].map((choice) => (
          <Button
            key={choice.label}
            look="solid"
            wide
            isPending={choice.isPending === true}
            onPress={press(choice)}
          >
            {choice.label}
          </Button>
        ))}
      </div>
      {beside !== undefined && (
        <Button look="quiet" isPending={beside.isPending === true} onPress={press(beside)}>
          {beside.label}
        </Button>
      )}
      {note}
    </div>
  )
}

import { useId, useState } from 'react'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { TextField } from './controls.tsx'
import styles from './reads-choice.module.css'

/** The most reads that can be chosen; the vault says the same. */
const most = 1_000_000

/** A whole number of reads, or nothing for what is none. */
export function readsFrom(typed: string): number | undefined {
  const number = /^[0-9]{1,7}$/.test(typed.trim()) ? Number(typed) : 0
  return number >= 1 && number <= most ? number : undefined
}

/**
 * How often: without a choice as often as the business likes until the end, as it asks. No tick, since ticks stand for
 * data. `onChange` gets the number of reads from now on, nothing for no limit, and NaN for what is no number.
 */
export function ReadsChoice({
  chosen,
  onChange,
}: {
  /** Reads left at the beginning, where there is a limit already. */
  chosen?: number | undefined
  onChange: (reads: number | undefined) => void
}) {
  const { text } = useText()
  const number = useId()
  const [isLimited, setLimited] = useState(chosen !== undefined)
  const [typed, setTyped] = useState(String(chosen ?? 1))
  const wrong = isLimited && readsFrom(typed) === undefined
  return (
    <div className={styles.reads}>
      <Button
        look="quiet"
        small
        expands={{ isOpen: isLimited, what: number }}
        onPress={() => {
          setLimited(!isLimited)
          onChange(isLimited ? undefined : (readsFrom(typed) ?? Number.NaN))
        }}
      >
        {text(isLimited ? 'reads.unlimit' : 'reads.limit')}
      </Button>
      <div id={number}>
        {isLimited && (
          <TextField
            label={text('reads.number')}
            value={typed}
            onChange={(value) => {
              setTyped(value)
              onChange(readsFrom(value) ?? Number.NaN)
            }}
            inputMode="numeric"
            autoComplete="off"
            maxLength={7}
            description={text('reads.explain')}
            error={wrong ? text('reads.wrong') : undefined}
          />
        )}
      </div>
    </div>
  )
}

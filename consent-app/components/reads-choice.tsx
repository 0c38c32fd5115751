import { useState } from 'react'
import { useText } from '../messages/text.tsx'
import { Checkbox, TextField } from './controls.tsx'
import styles from './reads-choice.module.css'

/** The most reads that can be chosen; the vault says the same. */
const most = 1_000_000

/** A whole number of reads, or nothing for what is none. */
export function readsFrom(typed: string): number | undefined {
  const number = /^[0-9]{1,7}$/.test(typed.trim()) ? Number(typed) : 0
  return number >= 1 && number <= most ? number : undefined
}

/**
 * How often: without a choice as often as the business likes until the end, as it asks. `onChange` gets the number of
 * reads from now on, nothing for no limit, and NaN for what is no number.
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
  const [isLimited, setLimited] = useState(chosen !== undefined)
  const [typed, setTyped] = useState(String(chosen ?? 1))
  const wrong = isLimited && readsFrom(typed) === undefined
  return (
    <div className={styles.reads}>
      <Checkbox
        isSelected={isLimited}
        onChange={(on) => {
          setLimited(on)
          onChange(on ? (readsFrom(typed) ?? Number.NaN) : undefined)
        }}
      >
        {text('reads.limit')}
      </Checkbox>
      {isLimited && (
        <div className={styles.number}>
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
        </div>
      )}
    </div>
  )
}

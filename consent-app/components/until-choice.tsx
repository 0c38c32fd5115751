import { useState } from 'react'
import { useFormats, useText } from '../messages/text.tsx'
import { Radio, RadioGroup, TextField } from './controls.tsx'
import styles from './until-choice.module.css'
import { dayBounds, endOfDay, untilOptions } from './until-options.ts'
import type { Ends } from './until-options.ts'

/**
 * Until when: every consent ends. The suggestion of Reach (the shorter of what is asked and 90 days) is chosen and
 * marked as such; any earlier end is one press away, any other a date. `onChange` gets undefined for no valid date.
 */
export function UntilChoice({
  request,
  first = 'suggested',
  onChange,
}: {
  request: Ends
  /** What the end that is chosen at the beginning is called. */
  first?: 'suggested' | 'current'
  onChange: (until: string | undefined) => void
}) {
  const { text } = useText()
  const formats = useFormats()
  const [chosen, setChosen] = useState<string>(first)
  const [picked, setPicked] = useState('')
  const bounds = dayBounds(request)
  const options = untilOptions(request, first)
  const wrong = chosen === 'date' && picked !== '' && endOfDay(picked, request) === undefined

  const choose = (name: string) => {
    setChosen(name)
    onChange(
      name === 'date' ? endOfDay(picked, request) : options.find((option) => option.name === name)?.until,
    )
  }
  const pick = (date: string) => {
    setPicked(date)
    onChange(endOfDay(date, request))
  }

  return (
    <div className={styles.until}>
      <RadioGroup label={text('until.label')} value={chosen} onChange={choose}>
        {options.map(({ name, until }) => (
          <Radio key={name} value={name} aside={formats.shortDay(until)}>
            {text(`until.${name}`, { days: daysBetween(request.asOf, until) })}
          </Radio>
        ))}
        <Radio value="date">{text('until.date')}</Radio>
      </RadioGroup>
      {chosen === 'date' && (
        <TextField
          label={text('until.date.label')}
          type="date"
          value={picked}
          onChange={pick}
          min={bounds.first}
          max={bounds.last}
          description={text('until.date.latest', { day: formats.day(request.latestUntil) })}
          error={wrong ? text('until.date.wrong') : undefined}
        />
      )}
    </div>
  )
}

function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000)
}

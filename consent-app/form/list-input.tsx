import { useRef, useState } from 'react'
import type { KeyboardEvent, ReactNode } from 'react'
import { Button } from '../components/button.tsx'
import { SelectField, TextField } from '../components/controls.tsx'
import { Icon } from '../components/icons.tsx'
import { useFormats, useText } from '../messages/text.tsx'
import { byName, languageTags } from './codes.ts'
import type { FormField } from './form-fields.ts'
import styles from './form.module.css'
import { Group } from './group.tsx'

/** A list that is added to and taken from one by one; languages also keep an order, the best first. */
export function ListInput({
  field,
  title,
  values,
  onChange,
  error,
}: {
  field: FormField
  title: ReactNode
  values: readonly string[]
  onChange: (values: readonly string[]) => void
  error: string | undefined
}) {
  const { text } = useText()
  const formats = useFormats()
  const [typed, setTyped] = useState('')
  const frame = useRef<HTMLDivElement>(null)
  const isLanguages = field.kind === 'languages'
  const name = (value: string) => (isLanguages ? formats.language(value) : value)

  const add = (value: string) => {
    const clean = value.trim()
    if (clean === '') return
    if (!values.includes(clean)) onChange([...values, clean])
    setTyped('')
  }
  const remove = (value: string) => {
    onChange(values.filter((other) => other !== value))
    frame.current?.querySelector<HTMLElement>('input, select')?.focus()
  }
  const raise = (value: string) => {
    const at = values.indexOf(value)
    onChange(values.with(at, values[at - 1] ?? value).with(Math.max(at - 1, 0), value))
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || typed.trim() === '') return
    event.preventDefault()
    add(typed)
  }

  return (
    <Group title={title} description={field.description} error={error}>
      {values.length > 0 && (
        <ul className={styles.values}>
          {values.map((value, index) => (
            <li key={value} className={styles.value}>
              <bdi>{name(value)}</bdi>
              {isLanguages && index > 0 && (
                <IconButton
                  icon="up"
                  label={text('list.raise', { value: name(value) })}
                  onPress={() => raise(value)}
                />
              )}
              <IconButton
                icon="cross"
                label={text('list.remove', { value: name(value) })}
                onPress={() => remove(value)}
              />
            </li>
          ))}
        </ul>
      )}
      {/* What was typed and not added would be lost by going on. */}
      <div
        className={styles.add}
        ref={frame}
        onBlur={({ currentTarget, relatedTarget }) => {
          const isStill = currentTarget.contains(document.activeElement)
          if (!isLanguages && !isStill && !currentTarget.contains(relatedTarget)) add(typed)
        }}
      >
        {isLanguages ? (
          <SelectField
            label={text('list.add-language')}
            value=""
            onChange={add}
            placeholder={text('list.choose')}
            options={byName(
              languageTags.filter((tag) => !values.includes(tag)),
              formats.language,
              formats.locale,
            )}
          />
        ) : (
          <>
            <div className={styles.addText}>
              <TextField
                onKeyDown={onKeyDown}
                label={text('list.add-to', { list: field.title })}
                value={typed}
                onChange={setTyped}
                maxLength={field.schema.items?.maxLength}
                autoComplete="off"
              />
            </div>
            <Button onPress={() => add(typed)}>
              <Icon name="plus" size={18} />
              {text('list.add')}
            </Button>
          </>
        )}
      </div>
    </Group>
  )
}

function IconButton({ icon, label, onPress }: { icon: 'up' | 'cross'; label: string; onPress: () => void }) {
  return (
    <button type="button" className={styles.iconButton} aria-label={label} onClick={onPress}>
      <Icon name={icon} size={16} />
    </button>
  )
}

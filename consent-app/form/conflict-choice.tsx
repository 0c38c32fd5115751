import { useState } from 'react'
import { Button } from '../components/button.tsx'
import { Radio, RadioGroup } from '../components/controls.tsx'
import { FieldValue } from '../components/field-value.tsx'
import { Notice } from '../components/notice.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { useFormats, useText } from '../messages/text.tsx'
import { formFields } from './form-fields.ts'
import type { FieldSchema } from './form-fields.ts'
import { withValue } from './form-values.ts'
import type { Merge, Values } from './form-values.ts'
import styles from './category-form.module.css'

type Side = 'mine' | 'theirs'

/** The pod was changed meanwhile: both values of each field that both sides changed, and nothing chosen for anybody. */
export function ConflictChoice({
  category,
  schema,
  mine,
  theirs,
  merge,
  isPending,
  error,
  onSave,
}: {
  category: string
  schema: FieldSchema
  mine: Values
  theirs: Values
  merge: Merge
  isPending: boolean
  error: unknown
  onSave: (values: Values) => void
}) {
  const { text } = useText()
  const formats = useFormats()
  const [sides, setSides] = useState<Readonly<Record<string, Side>>>({})
  const [sent, setSent] = useState(false)
  const title = (name: string) => formFields(schema).find((field) => field.name === name)?.title ?? name

  const save = () => {
    setSent(true)
    if (isPending || merge.conflicts.some((name) => sides[name] === undefined)) return
    const chosen = merge.conflicts.reduce(
      (values, name) => withValue(values, name, (sides[name] === 'mine' ? mine : theirs)[name]),
      merge.merged,
    )
    onSave(chosen)
  }

  return (
    <div className={styles.form}>
      <Notice tone="attention" title={text('conflict.title')} announce>
        <p>{text(merge.conflicts.length === 0 ? 'conflict.joined' : 'conflict.body')}</p>
        {merge.theirsOnly.length > 0 && (
          <p>{text('conflict.theirs-only', { fields: formats.list(merge.theirsOnly.map(title)) })}</p>
        )}
      </Notice>
      {merge.conflicts.map((name) => (
        <RadioGroup
          key={name}
          label={title(name)}
          value={sides[name] ?? null}
          onChange={(side) => setSides((current) => ({ ...current, [name]: side as Side }))}
          error={sent && sides[name] === undefined ? text('conflict.choose') : undefined}
        >
          {(['mine', 'theirs'] as const).map((side) => (
            <Radio key={side} value={side} aside={text(`conflict.${side}`)}>
              <FieldValue
                field={`${category}.${name}`}
                value={(side === 'mine' ? mine : theirs)[name]}
                lit={sides[name] === side}
              />
            </Radio>
          ))}
        </RadioGroup>
      ))}
      {error !== null && error !== undefined && <ProblemNote error={error} />}
      <div>
        <Button look="solid" onPress={save} isPending={isPending}>
          {text('conflict.save')}
        </Button>
      </div>
    </div>
  )
}

import { useId, useRef, useState } from 'react'
import type { FocusEvent, ReactNode } from 'react'
import { Button } from '../components/button.tsx'
import { useValueWords } from '../components/field-value.tsx'
import { Icon } from '../components/icons.tsx'
import { Row } from '../components/layout.tsx'
import { describeValue } from '../components/value-text.ts'
import { useText } from '../messages/text.tsx'
import { formFields } from './form-fields.ts'
import type { FormField } from './form-fields.ts'
import { problemsWithin } from './form-values.ts'
import type { FieldProblem, Values } from './form-values.ts'
import styles from './form.module.css'
import { Group } from './group.tsx'

/** A list of things with parts: each a line to read, one at a time opened to be changed. */
export function RecordsInput({
  field,
  title,
  records,
  onChange,
  onDone,
  problems,
  children,
}: {
  field: FormField
  title: ReactNode
  records: readonly Values[]
  onChange: (records: readonly Values[]) => void
  onDone: (() => void) | undefined
  /** '' for the list itself, else `0.member`. */
  problems: Readonly<Record<string, FieldProblem>>
  /** The inputs of one record. */
  children: (
    record: Values,
    onChange: (record: Values) => void,
    problems: Readonly<Record<string, FieldProblem>>,
  ) => ReactNode
}) {
  const { text } = useText()
  const words = useValueWords()
  const [open, setOpen] = useState<number>()
  const frame = useRef<HTMLDivElement>(null)
  const editor = useId()
  const schema = field.schema.items ?? {}
  const problem = problems['']

  const say = (record: Values) =>
    Object.keys(record).length === 0
      ? text('record.new')
      : words({ kind: 'list', parts: [describeValue([ordered(record)], field.schema)], lines: false })
  /** In the order of the form, whatever was filled in first. */
  const ordered = (record: Values) =>
    Object.fromEntries(
      formFields(schema)
        .filter(({ name }) => record[name] !== undefined)
        .map(({ name }) => [name, record[name]]),
    )
  const focusSoon = (selector: string) =>
    requestAnimationFrame(() => frame.current?.querySelector<HTMLElement>(selector)?.focus())
  const edit = (at: number) => {
    setOpen(at)
    focusSoon('[data-editor] input, [data-editor] select')
  }
  const close = (at: number) => {
    setOpen(undefined)
    if (Object.keys(records[at] ?? {}).length === 0) onChange(records.toSpliced(at, 1))
    onDone?.()
    focusSoon(`[data-record="${at}"], [data-add]`)
  }
  const remove = (at: number) => {
    setOpen(undefined)
    onChange(records.toSpliced(at, 1))
    onDone?.()
    focusSoon('[data-add] button')
  }
  const add = () => {
    const kept = records.filter((record) => Object.keys(record).length > 0)
    onChange([...kept, {}])
    edit(kept.length)
  }
  const onBlur = ({ currentTarget, relatedTarget }: FocusEvent<HTMLElement>) => {
    const isStill = currentTarget.contains(document.activeElement)
    if (!isStill && !currentTarget.contains(relatedTarget)) setOpen(undefined)
  }
  const isWrong = (at: number) => Object.keys(problems).some((path) => path.startsWith(`${at}.`))
  const isFull = records.length >= (field.schema.maxItems ?? Number.POSITIVE_INFINITY)

  return (
    <Group
      title={title}
      description={field.description}
      error={problem === undefined ? undefined : text(`form.wrong.${problem}`)}
    >
      <div ref={frame} className={styles.records} onBlur={onBlur}>
        {records.length > 0 && (
          <ul className={styles.recordList}>
            {records.map((record, at) =>
              at === open || isWrong(at) ? (
                <li key={at} className={styles.recordOpen} data-editor id={`${editor}-${at}`}>
                  {children(
                    record,
                    (changed) => {
                      // What came up because it was wrong must not go as soon as it is right.
                      setOpen(at)
                      onChange(records.with(at, changed))
                    },
                    problemsWithin(problems, String(at)),
                  )}
                  <Row>
                    <Button small onPress={() => close(at)}>
                      {text('record.done')}
                    </Button>
                    <Button small look="quiet" onPress={() => remove(at)}>
                      {text('record.remove')}
                    </Button>
                  </Row>
                </li>
              ) : (
                <li key={at} className={styles.record}>
                  <bdi className={styles.recordWords}>{say(record)}</bdi>
                  <button
                    type="button"
                    data-record={at}
                    className={styles.recordEdit}
                    aria-label={text('record.change', { record: say(record) })}
                    onClick={() => edit(at)}
                  >
                    {text('record.edit')}
                  </button>
                  <button
                    type="button"
                    className={styles.iconButton}
                    aria-label={text('list.remove', { value: say(record) })}
                    onClick={() => remove(at)}
                  >
                    <Icon name="cross" size={16} />
                  </button>
                </li>
              ),
            )}
          </ul>
        )}
        {!isFull && (
          <div data-add>
            <Button onPress={add} aria-label={text('list.add-to', { list: field.title })}>
              <Icon name="plus" size={18} />
              {text('list.add')}
            </Button>
          </div>
        )}
      </div>
    </Group>
  )
}

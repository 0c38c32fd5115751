import { useEffect, useRef, useState } from 'react'
import type { ImportField, ImportPreview } from '#schemas/types.gen.ts'
import { categoriesOf, importable, useImport, useImportPreview } from '../data/import.ts'
import { ProblemError } from '../data/http.ts'
import { useMe } from '../data/me.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Checkbox } from './controls.tsx'
import { FieldValue } from './field-value.tsx'
import styles from './import.module.css'
import { Card, Row, Section, Soft, Stack, Theirs } from './layout.tsx'
import { Notice } from './notice.tsx'
import { ProblemNote } from './problem-note.tsx'
import { Progress } from './progress.tsx'

/** Data from a file of another Reach or another app: looked at field by field first, and only what is chosen is saved. */
export function ImportSection() {
  const { text } = useText()
  const formats = useFormats()
  const preview = useImportPreview()
  const input = useRef<HTMLInputElement>(null)
  const { start, undo, imported } = useImport()
  const again = () => {
    preview.reset()
    start.reset()
    undo.reset()
  }
  return (
    <Section title={text('import.title')}>
      <Stack>
        <p>{text('import.what')}</p>
        <div>
          <Button onPress={() => input.current?.click()} isPending={preview.isPending}>
            {text('import.choose')}
          </Button>
          <input
            ref={input}
            type="file"
            hidden
            accept={importable}
            aria-label={text('import.choose')}
            onChange={({ target }) => {
              const [file] = target.files ?? []
              again()
              if (file !== undefined) preview.mutate(file)
              // The same file may be chosen again.
              target.value = ''
            }}
          />
        </div>
        {preview.isError && <Refusal error={preview.error} />}
        <p role="status" className={styles.told}>
          {undo.data === undefined
            ? start.isSuccess && text('import.done', { count: imported.fields })
            : undo.data.length === 0
              ? text('import.undone')
              : text('import.undo.partly', { categories: formats.list(undo.data) })}
        </p>
        {start.isError && (
          <>
            <ProblemNote error={start.error} />
            <p>{text('import.partly', { count: imported.fields })}</p>
          </>
        )}
        {undo.isError && <ProblemNote error={undo.error} onRetry={() => undo.mutate()} />}
        {imported.fields > 0 &&
          !start.isPending &&
          undo.data === undefined &&
          (start.isSuccess || start.isError) && (
            <div>
              <Button onPress={() => undo.mutate()} isPending={undo.isPending}>
                {text('import.undo')}
              </Button>
            </div>
          )}
        {preview.data !== undefined && !start.isSuccess && !start.isError && (
          <Choice
            key={preview.submittedAt}
            preview={preview.data}
            done={imported.categories.length}
            isPending={start.isPending}
            onSave={(chosen) => start.mutate({ preview: preview.data, chosen })}
            onCancel={again}
          />
        )}
      </Stack>
    </Section>
  )
}

/** The exact reason, since it is about the customer's own file. */
function Refusal({ error }: { error: Error }) {
  const { text } = useText()
  const isOfFile = error instanceof ProblemError && [400, 413, 415].includes(error.status)
  if (!isOfFile) return <ProblemNote error={error} />
  return (
    <Notice tone="attention" title={text('import.refused')}>
      <p>{error.message}</p>
      <p>{text('import.refused.nothing')}</p>
    </Notice>
  )
}

function Choice({
  preview,
  done,
  isPending,
  onSave,
  onCancel,
}: {
  preview: ImportPreview
  /** Categories that are saved. */
  done: number
  isPending: boolean
  onSave: (chosen: ReadonlySet<string>) => void
  onCancel: () => void
}) {
  const { text } = useText()
  const heading = useRef<HTMLHeadingElement>(null)
  // What would replace something is for the customer to choose; what is new stands in no one's way.
  const [chosen, setChosen] = useState<ReadonlySet<string>>(
    () => new Set(preview.fields.filter(({ state }) => state === 'new').map(({ field }) => field)),
  )
  useEffect(() => heading.current?.focus(), [])
  const toggle = (field: string, isChosen: boolean) => {
    const next = new Set(chosen)
    if (isChosen) next.add(field)
    else next.delete(field)
    setChosen(next)
  }
  const groups = preview.categories.map(
    ({ category, title }) => [title, preview.fields.filter((field) => field.category === category)] as const,
  )
  return (
    <Card>
      <Stack>
        <h3 ref={heading} tabIndex={-1}>
          {text(`import.found.${preview.source}`, { count: preview.fields.length })}
        </h3>
        {preview.webId !== undefined && <Whose webId={preview.webId} fields={preview.fields} />}
        {preview.passedOver > 0 && <Soft>{text('import.passed-over', { count: preview.passedOver })}</Soft>}
        {groups.map(([title, fields]) => (
          <section key={title} aria-label={title}>
            <h4 className={styles.category}>{title}</h4>
            <ul className={styles.list}>
              {fields.map((field) => (
                <li key={field.field} className={styles.field}>
                  <Field
                    field={field}
                    isChosen={chosen.has(field.field)}
                    onChange={(is) => toggle(field.field, is)}
                  />
                </li>
              ))}
            </ul>
          </section>
        ))}
        {isPending && (
          <Progress label={text('import.progress')} value={done} max={categoriesOf(preview, chosen).length}>
            {text('import.so-far', { done, total: categoriesOf(preview, chosen).length })}
          </Progress>
        )}
        <Row>
          {chosen.size > 0 && (
            <Button look="solid" onPress={() => onSave(chosen)} isPending={isPending}>
              {text('import.save', { count: chosen.size })}
            </Button>
          )}
          {!isPending && <Button onPress={onCancel}>{text('import.cancel')}</Button>}
        </Row>
      </Stack>
    </Card>
  )
}

/** Whose export it is: by the WebID in it, and by the name among its fields, which may be as false as the rest of a file. */
function Whose({ webId, fields }: { webId: string; fields: readonly ImportField[] }) {
  const { text } = useText()
  const me = useMe().data
  const { value: name } =
    fields.find(({ field, state }) => field === 'profile.name' && state !== 'unreadable') ?? {}
  const madeFor = (label: string) => (
    <Person label={label} name={typeof name === 'string' ? name : undefined} webId={webId} />
  )
  if (webId === me?.webId) return madeFor(text('import.whose.own'))
  return (
    <Notice tone="attention" title={text('import.whose.other')}>
      {madeFor(text('import.whose.made-for'))}
      <Person label={text('nav.signed-in-as')} name={me?.name} webId={me?.webId} />
      <p>{text('import.whose.only-if')}</p>
    </Notice>
  )
}

function Person({
  label,
  name,
  webId = '',
}: {
  label: string
  name: string | undefined
  webId: string | undefined
}) {
  return (
    <p>
      {label}{' '}
      {name !== undefined && (
        <b>
          <Theirs>{name}</Theirs>
        </b>
      )}
      <span className={styles.webId}>
        <Theirs>{webId}</Theirs>
      </span>
    </p>
  )
}

function Field({
  field,
  isChosen,
  onChange,
}: {
  field: ImportField
  isChosen: boolean
  onChange: (isChosen: boolean) => void
}) {
  const { text } = useText()
  const { field: id, title, state, value, now, why } = field
  if (state === 'unreadable')
    return (
      <div className={styles.still}>
        <p>
          {title} <span className={styles.state}>{text('import.state.unreadable')}</span>
        </p>
        <Soft>{text('import.why', { why: why ?? '' })}</Soft>
      </div>
    )
  if (state === 'same')
    return (
      <div className={styles.still}>
        <p>
          {title} <span className={styles.state}>{text('import.state.same')}</span>
        </p>
        <FieldValue field={id} value={value} lit={false} />
      </div>
    )
  return (
    <div>
      <Checkbox isSelected={isChosen} onChange={onChange}>
        {title} <span className={styles.state}>{text(`import.state.${state}`)}</span>
      </Checkbox>
      <div className={styles.values}>
        <FieldValue field={id} value={value} lit={false} />
        {state === 'differs' && (
          <p className={styles.now}>
            {text('import.now')} <FieldValue field={id} value={now} lit={false} />
          </p>
        )}
      </div>
    </div>
  )
}

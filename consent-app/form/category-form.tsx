import { useState } from 'react'
import type { FormEvent } from 'react'
import type { CategoryView } from '#schemas/types.gen.ts'
import { Button } from '../components/button.tsx'
import { focusFirstWrong } from '../components/focus-wrong.ts'
import { Row } from '../components/layout.tsx'
import { Notice } from '../components/notice.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { useCatalogue } from '../data/catalogue.ts'
import { readCategory, useSaveCategory } from '../data/categories.ts'
import { ProblemError } from '../data/http.ts'
import { useText } from '../messages/text.tsx'
import { ConflictChoice } from './conflict-choice.tsx'
import { DerivedAnswers } from './derived-answers.tsx'
import { FieldInput } from './field-input.tsx'
import { formFields } from './form-fields.ts'
import type { FieldSchema } from './form-fields.ts'
import { checkValues, cleanValues, mergeValues, problemsWithin, sameValue, withValue } from './form-values.ts'
import type { Merge, Values } from './form-values.ts'
import styles from './category-form.module.css'

interface Base {
  readonly etag: string | null
  readonly values: Values
}

/**
 * The form of one category. It is saved on what it was filled from: when the pod holds something else by then, both
 * are joined field by field, and where both changed the same field the customer chooses.
 */
export function CategoryForm({ view }: { view: CategoryView }) {
  const { text } = useText()
  const { field: find } = useCatalogue()
  const save = useSaveCategory(view.category)
  const schema = view.schema as FieldSchema
  const [base, setBase] = useState<Base>({ etag: view.etag, values: view.values })
  const [draft, setDraft] = useState<Values>(view.values)
  const [sent, setSent] = useState(false)
  const [saved, setSaved] = useState<{ before: Values }>()
  const [conflict, setConflict] = useState<{ theirs: Base; merge: Merge }>()
  const clean = cleanValues(draft)
  const isDirty = !sameValue(clean, base.values)
  const problems = sent ? checkValues(schema, clean) : {}

  // A form nobody has typed in follows the pod.
  if (!isDirty && !save.isPending && view.etag !== base.etag) {
    setBase({ etag: view.etag, values: view.values })
    setDraft(view.values)
  }

  const store = async (from: Base, values: Values, before: Values | undefined) => {
    try {
      const result = await save.mutateAsync({ etag: from.etag, values })
      setBase(result)
      setDraft(result.values)
      setSent(false)
      setConflict(undefined)
      setSaved(before === undefined ? undefined : { before })
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'pod-changed') await join(from.values, values)
    }
  }
  const join = async (common: Values, mine: Values) => {
    const now = await readCategory(view.category).catch(() => undefined)
    if (now === undefined) return
    save.reset()
    setConflict({
      theirs: { etag: now.etag, values: now.values },
      merge: mergeValues(common, mine, now.values),
    })
  }
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    setSent(true)
    if (Object.keys(checkValues(schema, clean)).length > 0) focusFirstWrong(event.currentTarget)
    else if (isDirty && !save.isPending) void store(base, clean, base.values)
  }

  if (conflict !== undefined)
    return (
      <ConflictChoice
        category={view.category}
        schema={schema}
        mine={clean}
        theirs={conflict.theirs.values}
        merge={conflict.merge}
        isPending={save.isPending}
        error={save.error}
        onSave={(values) => void store(conflict.theirs, values, conflict.theirs.values)}
      />
    )

  return (
    <form onSubmit={submit} noValidate className={styles.form}>
      {formFields(schema).map((field) => {
        return (
          <FieldInput
            // A list of records comes back from the pod in another order: what was open there is closed.
            key={field.kind === 'records' ? `${field.name} ${base.etag}` : field.name}
            field={field}
            sensitivity={find(`${view.category}.${field.name}`)?.sensitivity ?? 'ordinary'}
            value={draft[field.name]}
            onChange={(value) => {
              setSaved(undefined)
              setDraft((current) => withValue(current, field.name, value))
            }}
            problems={problemsWithin(problems, field.name)}
          />
        )
      })}
      <DerivedAnswers answers={view.derived} />
      {save.isError && <ProblemNote error={save.error} />}
      {Object.keys(problems).length > 0 && (
        <Notice tone="stop" announce>
          <p>{text('form.wrong')}</p>
        </Notice>
      )}
      <div className={styles.foot}>
        <Row>
          <Button type="submit" look={isDirty ? 'solid' : 'outline'} isPending={save.isPending}>
            {text('form.save', { category: view.title })}
          </Button>
          {isDirty && (
            <Button look="quiet" onPress={() => setDraft(base.values)}>
              {text('form.discard')}
            </Button>
          )}
          {saved !== undefined && !isDirty && (
            <Button look="quiet" onPress={() => void store(base, saved.before, undefined)}>
              {text('form.undo')}
            </Button>
          )}
        </Row>
        <p role="status" className={styles.status}>
          {isDirty ? text('form.unsaved') : saved === undefined ? '' : text('form.saved')}
        </p>
      </div>
    </form>
  )
}

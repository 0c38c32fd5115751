import { useEffect, useSyncExternalStore } from 'react'
import type { FocusEvent, KeyboardEvent } from 'react'
import type { CategoryView } from '#schemas/types.gen.ts'
import { useCatalogue } from '../data/catalogue.ts'
import { useDraft } from '../data/drafts.ts'
import { CategoryHistoryNote, FieldNotes } from './field-notes.tsx'
import type { CategoryDraft } from './category-draft.ts'
import { ConflictChoice } from './conflict-choice.tsx'
import { DerivedAnswers } from './derived-answers.tsx'
import { FieldInput } from './field-input.tsx'
import { formFields } from './form-fields.ts'
import type { FieldSchema, FormField } from './form-fields.ts'
import { problemsWithin } from './form-values.ts'
import { SaveState } from './save-state.tsx'
import styles from './category-form.module.css'

/** The form of one category. Each field is saved as it is left; `CategoryDraft` has the rules. */
export function CategoryForm({ view, account }: { view: CategoryView; account: string }) {
  const draft = useDraft(account, view)
  const state = useSyncExternalStore(draft.subscribe, draft.state)
  const fields = formFields(view.schema as FieldSchema)
  const { etag, values } = view
  useEffect(() => draft.follow({ etag, values }), [draft, etag, values])
  // Leaving the page is leaving the field.
  useEffect(() => () => draft.leave(), [draft])

  // Whoever is somewhere else now has left what she was in, also where what had the focus is gone.
  const onFocus = ({ target }: FocusEvent) => {
    const name = target.closest<HTMLElement>('[data-field]')?.dataset['field']
    for (const other of draft.state().typing) if (other !== name) draft.leave(other)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const isUndo = event.key.toLowerCase() === 'z' && (event.ctrlKey || event.metaKey) && !event.shiftKey
    // In a line of text the browser takes back what was typed there.
    if (!isUndo || isText(event.target)) return
    event.preventDefault()
    draft.undo()
  }

  return (
    <form onSubmit={(event) => event.preventDefault()} noValidate>
      <div role="presentation" onKeyDown={onKeyDown} onFocus={onFocus} className={styles.form}>
        {fields.map((field) => (
          <Field key={field.name} category={view.category} field={field} draft={draft} />
        ))}
        <DerivedAnswers answers={view.derived} />
        <SaveState draft={draft} state={state} fields={fields} />
        {view.etag !== null && <CategoryHistoryNote category={view.category} fields={fields} draft={draft} />}
      </div>
    </form>
  )
}

function isText(target: EventTarget): boolean {
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'file'].includes(target.type)
}

function Field({ category, field, draft }: { category: string; field: FormField; draft: CategoryDraft }) {
  const { field: find } = useCatalogue()
  const state = useSyncExternalStore(draft.subscribe, draft.state)
  const { name, kind } = field
  const hasParts = kind === 'group' || kind === 'records'
  const conflict = state.conflicts.get(name)
  const onBlur = ({ currentTarget, relatedTarget }: FocusEvent<HTMLElement>) => {
    // Another window came to the front: she is still in the field.
    const isStill = currentTarget.contains(document.activeElement)
    if (!isStill && !currentTarget.contains(relatedTarget)) draft.leave(name)
  }
  const onKeyDown = ({ key, target, defaultPrevented }: KeyboardEvent) => {
    // In something with parts Enter says nothing about the other parts.
    if (key === 'Enter' && !hasParts && !defaultPrevented && isText(target as HTMLElement)) draft.leave(name)
  }
  return (
    <div className={styles.field} data-field={name}>
      <div role="presentation" onBlur={onBlur} onInput={() => draft.touch(name)} onKeyDown={onKeyDown}>
        <FieldInput
          // A list of records comes back from the pod in another order: what is open there is closed.
          key={kind === 'records' ? state.replaced[name] : name}
          field={field}
          sensitivity={find(`${category}.${name}`)?.sensitivity ?? 'ordinary'}
          value={state.draft[name]}
          onChange={(value) => draft.type(name, value)}
          onDone={() => draft.leave(name)}
          problems={problemsWithin(state.problems, name)}
        />
      </div>
      {conflict !== undefined && (
        <ConflictChoice
          field={`${category}.${name}`}
          title={field.title}
          mine={state.draft[name]}
          conflict={conflict}
          onPick={(side) => draft.pick(name, side)}
        />
      )}
      <FieldNotes
        category={category}
        field={field}
        draft={draft}
        isFilled={state.base.values[name] !== undefined}
      />
    </div>
  )
}

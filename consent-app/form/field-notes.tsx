import { useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { Link } from 'react-router'
import type { FieldChange } from '#schemas/types.gen.ts'
import { Button } from '../components/button.tsx'
import { Confirm } from '../components/confirm.tsx'
import { FieldValue } from '../components/field-value.tsx'
import { useGrowing } from '../components/growing-list.ts'
import { Row, Theirs, VisuallyHidden } from '../components/layout.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { useCatalogue } from '../data/catalogue.ts'
import { forgetHistory, useHistory } from '../data/categories.ts'
import { useFieldsLeft } from '../data/fields-left.ts'
import { useGrants } from '../data/grants.ts'
import { useMe } from '../data/me.ts'
import { useFormats, useText } from '../messages/text.tsx'
import type { CategoryDraft } from './category-draft.ts'
import styles from './field-notes.module.css'
import { leftOf, readersOf } from './field-sight.ts'
import type { FormField } from './form-fields.ts'

/** Businesses named at a field before more of them are asked for. */
const atAGlance = 6

/** Below a field: who can read it, when it last left, and what it was before. */
export function FieldNotes({
  category,
  field,
  draft,
  isFilled,
}: {
  category: string
  field: FormField
  draft: CategoryDraft
  isFilled: boolean
}) {
  const { text } = useText()
  const [isOpen, setOpen] = useState(false)
  const panel = useId()
  const id = `${category}.${field.name}`
  const hasHistory = draft.state().base.etag !== null
  return (
    <div className={styles.notes}>
      <div className={styles.line}>
        <Sight category={category} id={id} isFilled={isFilled} />
        {hasHistory && (
          <button
            type="button"
            className={styles.more}
            aria-expanded={isOpen}
            aria-controls={panel}
            onClick={() => setOpen(!isOpen)}
          >
            <span aria-hidden="true">{text('history.show')}</span>
            <VisuallyHidden>{text('history.of', { field: field.title })}</VisuallyHidden>
          </button>
        )}
      </div>
      <div id={panel} hidden={!isOpen}>
        {isOpen && <Changes category={category} fields={[field]} draft={draft} />}
      </div>
    </div>
  )
}

function Sight({ category, id, isFilled }: { category: string; id: string; isFilled: boolean }) {
  const { text, rich } = useText()
  const formats = useFormats()
  const { answers } = useCatalogue()
  const grants = useGrants().data
  const left = useFieldsLeft().data
  const me = useMe().data
  const [shown, setShown] = useState(atAGlance)
  const { list, grow } = useGrowing<HTMLUListElement>('li:has(a)')
  if (grants === undefined || left === undefined) return <p className={styles.soft} />
  const isShut = me?.podAccess === 'lost' || me?.lostCategories?.includes(category) === true
  const readers = isShut ? [] : readersOf(id, answers(id), grants)
  const { value, answer } = leftOf(id, answers(id), left)
  if (readers.length === 0 && value === undefined && answer === undefined)
    return <p className={styles.soft}>{isFilled && text('sight.only-you')}</p>
  return (
    <div className={styles.sight}>
      {readers.length === 0 ? (
        <p className={styles.soft}>{text('sight.nobody-now')}</p>
      ) : (
        <ul ref={list} className={styles.readers}>
          {readers.slice(0, shown).map(({ vendorId, business, grantId, answers: told }) => (
            <li key={vendorId} className={styles.reader} data-lit={told.length === 0}>
              <Link to={`/relationships/${encodeURIComponent(grantId)}`}>
                {rich(told.length === 0 ? 'sight.reads-this' : 'sight.reads-answer', {
                  business: <Theirs>{business}</Theirs>,
                  answers: formats.list(told),
                })}
              </Link>
            </li>
          ))}
          {readers.length > shown && (
            <li className={styles.reader}>
              <button
                type="button"
                onClick={() => {
                  grow()
                  setShown(readers.length)
                }}
              >
                {text('sight.readers-more', { count: readers.length - shown })}
              </button>
            </li>
          )}
        </ul>
      )}
      <p className={styles.soft}>
        {value !== undefined
          ? rich('sight.left', {
              moment: formats.moment(value.time),
              business: <Theirs>{value.business}</Theirs>,
            })
          : answer === undefined &&
            (left.since === undefined
              ? text('sight.never-left')
              : text('sight.not-left-since', { day: formats.day(left.since) }))}
        {answer !== undefined && (
          <>
            {value !== undefined && ' '}
            {rich('sight.left-answer', {
              answer: answer.title,
              moment: formats.moment(answer.time),
              business: <Theirs>{answer.business}</Theirs>,
            })}
          </>
        )}
      </p>
    </div>
  )
}

/** Below a category: all its changes, and the way to forget them. */
export function CategoryHistoryNote({
  category,
  fields,
  draft,
}: {
  category: string
  fields: readonly FormField[]
  draft: CategoryDraft
}) {
  const { text } = useText()
  const client = useQueryClient()
  const [isOpen, setOpen] = useState(false)
  const [isAsking, setAsking] = useState(false)
  const [isPending, setPending] = useState(false)
  const [error, setError] = useState<unknown>()
  const panel = useId()
  const forget = async () => {
    setPending(true)
    setError(undefined)
    try {
      await forgetHistory(client, category)
      setAsking(false)
    } catch (cause) {
      setError(cause)
    } finally {
      setPending(false)
    }
  }
  return (
    <div>
      <Button small look="quiet" onPress={() => setOpen(!isOpen)} expands={{ isOpen, what: panel }}>
        {text('history.all')}
      </Button>
      <div id={panel} hidden={!isOpen}>
        {isOpen && (
          <>
            <p className={styles.soft}>{text('history.where')}</p>
            <Changes category={category} fields={fields} draft={draft} />
            <Row>
              <Button small look="quiet" onPress={() => setAsking(true)}>
                {text('history.forget')}
              </Button>
            </Row>
          </>
        )}
      </div>
      <Confirm
        isOpen={isAsking}
        title={text('history.forget.title')}
        yes={text('history.forget.act')}
        no={text('history.forget.keep')}
        isPending={isPending}
        onYes={() => void forget()}
        onNo={() => setAsking(false)}
      >
        <p>{text('history.forget.body')}</p>
        {error !== undefined && <ProblemNote error={error} />}
      </Confirm>
    </div>
  )
}

function Changes({
  category,
  fields,
  draft,
}: {
  category: string
  fields: readonly FormField[]
  draft: CategoryDraft
}) {
  const { text } = useText()
  const history = useHistory(category)
  if (history.isError) return <ProblemNote error={history.error} onRetry={() => void history.refetch()} />
  if (history.data === undefined) return <Skeleton lines={2} />
  const changes = history.data.filter(({ field }) =>
    fields.some(({ name }) => field === `${category}.${name}`),
  )
  if (changes.length === 0) return <p className={styles.soft}>{text('history.empty')}</p>
  return (
    <ol className={styles.changes}>
      {changes.map((change, at) => {
        const field = fields.find(({ name }) => change.field === `${category}.${name}`)
        return (
          <Change
            key={`${change.at} ${change.field} ${at}`}
            change={change}
            title={fields.length > 1 ? field?.title : undefined}
            onPutBack={() => field !== undefined && draft.put(field.name, change.before, 'put-back')}
          />
        )
      })}
    </ol>
  )
}

function Change({
  change,
  title,
  onPutBack,
}: {
  change: FieldChange
  title: string | undefined
  onPutBack: () => void
}) {
  const { text } = useText()
  const formats = useFormats()
  const { field, at, how, before, notKept } = change
  return (
    <li className={styles.change}>
      <div>
        {title !== undefined && <p className={styles.title}>{title}</p>}
        <p>
          {notKept === true ? (
            <span className={styles.soft}>{text('history.not-kept')}</span>
          ) : before === undefined ? (
            <span className={styles.soft}>{text('history.was-empty')}</span>
          ) : (
            <FieldValue field={field} value={before} lit={false} />
          )}
        </p>
        <p className={styles.soft}>{text(`history.how.${how}`, { moment: formats.moment(at) })}</p>
      </div>
      {notKept !== true && (
        <Button small onPress={onPutBack}>
          {text(before === undefined ? 'history.empty-again' : 'history.put-back')}
        </Button>
      )}
    </li>
  )
}

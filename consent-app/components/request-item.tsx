import { useId } from 'react'
import type { Amendment, FieldView, RequestItemView } from '#schemas/types.gen.ts'
import { useCatalogue } from '../data/catalogue.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { ChangeTag, changeOf } from './change-tag.tsx'
import type { FieldChange } from './change-tag.tsx'
import { Checkbox } from './controls.tsx'
import { FieldValue } from './field-value.tsx'
import { Icon } from './icons.tsx'
import { Theirs } from './layout.tsx'
import { tickOf } from './request-choice.ts'
import type { Ticks } from './request-choice.ts'
import styles from './request-item.module.css'
import { SensitivityTag } from './sensitivity-tag.tsx'

/** A parcel goes to an address: here no answer would do. */
const delivery = 'dpv:DeliveryOfGoods'

interface FieldProps {
  readonly view: FieldView
  /** What could be asked for instead, and says less. */
  readonly answers: readonly { readonly title: string }[]
  readonly change: FieldChange | undefined
}

/**
 * One item of a request: what for, in plain words and in the business's own, and every field with the exact value
 * that would leave today. Fields of an optional item start unticked; a value lights up when it would leave.
 */
export function RequestItem({
  item,
  business,
  amends,
  ticks,
  onTick,
}: {
  item: RequestItemView
  business: string
  amends?: Amendment | undefined
  ticks: Ticks
  onTick: (tick: string, on: boolean) => void
}) {
  const { text, rich } = useText()
  const formats = useFormats()
  const catalogue = useCatalogue()
  return (
    <article className={styles.item} aria-label={item.purposeTitle}>
      <h3>{item.purposeTitle}</h3>
      <p className={styles.purpose}>
        {rich('request.purpose', {
          business: <Theirs>{business}</Theirs>,
          fields: formats.list(item.fields.map(({ title }) => title)),
          purpose: item.purposePhrase,
        })}
      </p>
      <p className={styles.why}>
        {text('request.why')}{' '}
        <q>
          <Theirs>{item.why}</Theirs>
        </q>
      </p>
      <ul className={styles.fields} aria-label={text('request.fields')}>
        {item.fields.map((view) => {
          const tick = tickOf(item.id, view.field)
          const change = changeOf(amends, item.purpose, view.field)
          const answers = item.purpose === delivery ? [] : catalogue.alternatives(view.field)
          return (
            <li key={view.field} className={styles.field}>
              {item.required ? (
                <RequiredField view={view} answers={answers} change={change} />
              ) : (
                <OptionalField
                  view={view}
                  answers={answers}
                  change={change}
                  on={ticks.has(tick)}
                  onChange={(on) => onTick(tick, on)}
                />
              )}
            </li>
          )
        })}
      </ul>
    </article>
  )
}

function RequiredField({ view, answers, change }: FieldProps) {
  return (
    <div className={styles.required}>
      <Icon name="check" size={18} />
      <div>
        <span className={styles.title}>{view.title}</span> <SensitivityTag sensitivity={view.sensitivity} />
        <ChangeTag change={change} />
        <FieldDetail view={view} answers={answers} lit />
      </div>
    </div>
  )
}

function OptionalField({
  view,
  answers,
  change,
  on,
  onChange,
}: FieldProps & {
  on: boolean
  onChange: (on: boolean) => void
}) {
  const detail = useId()
  return (
    <>
      <Checkbox isSelected={on} onChange={onChange} describedBy={detail}>
        <span className={styles.title}>{view.title}</span> <SensitivityTag sensitivity={view.sensitivity} />
        <ChangeTag change={change} />
      </Checkbox>
      <div id={detail} className={styles.detail}>
        <FieldDetail view={view} answers={answers} lit={on} />
      </div>
    </>
  )
}

function FieldDetail({ view, answers, lit }: Pick<FieldProps, 'view' | 'answers'> & { lit: boolean }) {
  const { text } = useText()
  const formats = useFormats()
  return (
    <div className={styles.value}>
      <FieldValue field={view.field} value={view.value} lit={lit} unknown={view.missing !== true} />
      {view.missing === true && <p className={styles.note}>{text('request.missing')}</p>}
      {view.derived && (
        <p className={styles.note}>
          {view.description} {view.rule !== undefined && text('derived.rule', { rule: view.rule })}
        </p>
      )}
      {answers.length > 0 && (
        <p className={styles.note}>
          {text('request.alternatives', { answers: formats.list(answers.map(({ title }) => title)) })}
        </p>
      )}
    </div>
  )
}

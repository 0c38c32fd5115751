import type { FieldView, RequestView } from '#schemas/types.gen.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { FieldValue } from './field-value.tsx'
import { Fact, Facts, Theirs } from './layout.tsx'
import styles from './request-summary.module.css'

/** One sentence from the scope that would be enforced: who reads what until when. */
export function ScopeSentence({
  business,
  fields,
  until,
}: {
  business: string
  fields: readonly FieldView[]
  until: string | undefined
}) {
  const { text, rich } = useText()
  const formats = useFormats()
  if (fields.length === 0) return <p>{text('summary.nothing', { business })}</p>
  if (until === undefined) return <p>{text('summary.no-end')}</p>
  return (
    <p>
      {rich('summary.sentence', {
        business: <Theirs>{business}</Theirs>,
        fields: formats.list(fields.map(({ title }) => title)),
        day: formats.day(until),
      })}
    </p>
  )
}

/** The last look before an Allow counts: who, what with its values, until when, and how to stop. */
export function RequestSummary({
  request,
  fields,
  until,
}: {
  request: RequestView
  fields: readonly FieldView[]
  until: string
}) {
  const { text, rich } = useText()
  const formats = useFormats()
  return (
    <Facts>
      <Fact name={text('summary.who')}>
        <Theirs>{request.vendor.name}</Theirs>
      </Fact>
      <Fact name={text('summary.what')}>
        <ul className={styles.fields}>
          {fields.map(({ field, title, value }) => (
            <li key={field}>
              <span className={styles.title}>{title}</span>
              <FieldValue field={field} value={value} lit={value !== undefined} />
            </li>
          ))}
        </ul>
      </Fact>
      <Fact name={text('summary.until')}>{formats.moment(until)}</Fact>
      <Fact name={text('summary.stop')}>{rich('summary.stop.body', {})}</Fact>
    </Facts>
  )
}

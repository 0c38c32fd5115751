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
  reads,
}: {
  business: string
  fields: readonly FieldView[]
  until: string | undefined
  reads: number | undefined
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
      {isNumber(reads) && <> {text('summary.reads', { count: reads })}</>}
    </p>
  )
}

/** The last look before an Allow counts: who, what with its values, until when, and how to stop. */
export function RequestSummary({
  request,
  fields,
  until,
  reads,
}: {
  request: RequestView
  fields: readonly FieldView[]
  until: string
  reads: number | undefined
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
      {isNumber(reads) && <Fact name={text('summary.often')}>{text('summary.reads', { count: reads })}</Fact>}
      {(request.amends?.removed.length ?? 0) > 0 && (
        <Fact name={text('summary.ends')}>
          {formats.list(request.amends?.removed.map(({ title }) => title) ?? [])}
        </Fact>
      )}
      <Fact name={text('summary.stop')}>{rich('summary.stop.body', {})}</Fact>
    </Facts>
  )
}

const isNumber = (reads: number | undefined): reads is number => reads !== undefined && !Number.isNaN(reads)

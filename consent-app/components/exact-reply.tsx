import type { FieldView } from '#schemas/types.gen.ts'
import { useText } from '../messages/text.tsx'
import styles from './exact-reply.module.css'
import { replyData } from './request-choice.ts'

const longest = 160

/** The very data a reply would carry today, for who wants to see it letter by letter. */
export function ExactReply({ fields, business }: { fields: readonly FieldView[]; business: string }) {
  const { text } = useText()
  const shorten = (_key: string, value: unknown) =>
    typeof value === 'string' && value.length > longest
      ? text('exact.shortened', { start: value.slice(0, 40), count: value.length })
      : value
  return (
    <details className={styles.exact}>
      <summary>{text('exact.title', { business })}</summary>
      <p className={styles.note}>{text('exact.explain')}</p>
      <pre className={styles.code} tabIndex={0} role="region" aria-label={text('exact.region')}>
        <bdi>{JSON.stringify(replyData(fields), shorten, 2)}</bdi>
      </pre>
    </details>
  )
}

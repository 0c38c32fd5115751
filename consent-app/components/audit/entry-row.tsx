import { Link } from 'react-router'
import type { AuditEntry } from '#schemas/types.gen.ts'
import { useLanguage } from '../../messages/language.tsx'
import { useFormats } from '../../messages/text.tsx'
import { useAuditText } from './audit-text.tsx'
import { readEntryFacts } from './entry-facts.ts'
import { useReview } from './audit-shell.tsx'
import styles from './entry-row.module.css'

/** As tall as two lines and their air. */
export const ROW_HEIGHT = 72

/** One entry in two lines: what and with whom, then which fields for what. */
export function EntryRow({ entry }: { entry: AuditEntry }) {
  const { text, named } = useAuditText()
  const formats = useFormats()
  const { nameOf } = useReview()
  const { language } = useLanguage()
  const { type, time, vendor, purposes, fields } = readEntryFacts(entry.facts, language)
  return (
    <Link to={`/audit/entries/${entry.index}`} className={styles.row}>
      <span className={styles.what}>
        <b>{named('type', type)}</b>
        {vendor !== undefined && <bdi>{nameOf(vendor)}</bdi>}
      </span>
      <span className={styles.when}>
        <time dateTime={new Date(time).toISOString()}>{formats.moment(time)}</time>
      </span>
      <span className={styles.detail}>{[...purposes, ...fields].join(' · ')}</span>
      <span className={styles.index}>{text('activity.index', { index: entry.index })}</span>
    </Link>
  )
}

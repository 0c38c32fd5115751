import { Link } from 'react-router'
import type { ActivityItem } from '#schemas/types.gen.ts'
import { useFormats, useText } from '../messages/text.tsx'
import styles from './activity-list.module.css'
import { byDay } from './activity-days.ts'
import { Theirs } from './layout.tsx'
import { StateMark } from './mark.tsx'
import type { RingState } from './mark.tsx'

const marks: Readonly<Record<string, RingState>> = {
  requested: 'waiting',
  granted: 'active',
  redeemed: 'active',
  changed: 'active',
  disclosed: 'active',
  resumed: 'active',
  'access-restored': 'active',
  paused: 'paused',
  deferred: 'waiting',
  refused: 'refused',
  withdrawn: 'withdrawn',
  expired: 'expired',
  unredeemed: 'expired',
  'access-lost': 'attention',
  'disclosures-refused': 'refused',
}

/** What happened, newest first, by day: in words, with whom, which fields, when, and where it stands in the log. */
export function ActivityList({ items }: { items: readonly ActivityItem[] }) {
  const formats = useFormats()
  return (
    <div className={styles.days}>
      {byDay(items).map(({ day, items: entries }) => (
        <section key={day} aria-label={formats.day(entries[0]?.time ?? day)}>
          <h3 className={styles.day}>{formats.day(entries[0]?.time ?? day)}</h3>
          <ol className={styles.list}>
            {entries.map((item) => (
              <li key={item.index} className={styles.entry}>
                <Entry item={item} />
              </li>
            ))}
          </ol>
        </section>
      ))}
    </div>
  )
}

function Entry({ item }: { item: ActivityItem }) {
  const { text, rich, has } = useText()
  const formats = useFormats()
  const id = `activity.${item.type}`
  const business = item.vendor?.name ?? text('activity.business')
  return (
    <>
      <StateMark state={marks[item.type] ?? 'waiting'} size={24} />
      <div className={styles.what}>
        <p>
          {rich(has(id) ? id : 'activity.other', {
            business: <Theirs>{business}</Theirs>,
            type: item.type,
            day: item.until === undefined ? '' : formats.day(item.until),
          })}
        </p>
        {item.fields !== undefined && item.fields.length > 0 && (
          <p className={styles.fields}>
            {item.purposeTitle === undefined
              ? formats.list(item.fields.map(({ title }) => title))
              : text('activity.fields', {
                  fields: formats.list(item.fields.map(({ title }) => title)),
                  purpose: item.purposeTitle,
                })}
          </p>
        )}
        {item.grantId !== undefined && (
          <Link className={styles.link} to={`/relationships/${encodeURIComponent(item.grantId)}`}>
            {text('activity.grant')}
          </Link>
        )}
      </div>
      <p className={styles.when}>
        <time dateTime={item.time}>{formats.time(item.time)}</time>
        <span className={styles.index}>{text('activity.index', { index: item.index })}</span>
      </p>
    </>
  )
}

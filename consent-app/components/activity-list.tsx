import { useId, useState } from 'react'
import { Link } from 'react-router'
import type { ActivityItem } from '#schemas/types.gen.ts'
import { useFormats, useText } from '../messages/text.tsx'
import styles from './activity-list.module.css'
import { byDay } from './activity-days.ts'
import { Button } from './button.tsx'
import { EntryVerification } from './entry-verification.tsx'
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
  'turned-away': 'refused',
  blocked: 'refused',
  unblocked: 'waiting',
  withdrawn: 'withdrawn',
  'deletion-requested': 'withdrawn',
  acknowledged: 'withdrawn',
  expired: 'expired',
  unredeemed: 'expired',
  'access-lost': 'attention',
  'disclosures-refused': 'refused',
  audited: 'waiting',
}

/** The ring that stands for what happened. */
export function ringOf(type: string): RingState {
  return marks[type] ?? 'waiting'
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
  const [isOpen, setOpen] = useState(false)
  const panel = useId()
  const id = item.acknowledged === 'deletion' ? 'activity.acknowledged.deletion' : `activity.${item.type}`
  const business = <Theirs>{item.vendor?.name ?? text('activity.business')}</Theirs>
  const fields = formats.list((item.fields ?? []).map(({ title }) => title))
  // Types whose sentence names the fields need them no second time.
  const wordFor = (id: string, other: string) => (has(id) ? text(id) : other)
  const audit = item.audit && text('activity.audited.detail', { ...item.audit })
  const refused =
    item.refused &&
    text('activity.refused.detail', {
      count: item.refused.count,
      moment: formats.moment(item.refused.from),
      reasons: formats.list(item.refused.reasons.map((reason) => wordFor(`activity.why.${reason}`, reason))),
    })
  const detail =
    audit ?? refused ?? (['disclosed', 'granted', 'changed'].includes(item.type) ? item.purposeTitle : fields)
  return (
    <>
      <StateMark state={ringOf(item.type)} size={24} />
      <div className={styles.what}>
        <p>
          {rich(has(id) ? id : 'activity.other', {
            business:
              item.grantId === undefined ? (
                <b>{business}</b>
              ) : (
                <Link to={`/relationships/${encodeURIComponent(item.grantId)}`}>{business}</Link>
              ),
            fields: fields === '' ? text('activity.no-fields') : fields,
            type: item.type,
            because: item.audit?.because ?? '',
          })}
        </p>
        {detail !== undefined && detail !== '' && <p className={styles.detail}>{detail}</p>}
      </div>
      <div className={styles.when}>
        <time dateTime={item.time}>{formats.time(item.time)}</time>
        <Button
          look="quiet"
          small
          expands={{ isOpen, what: panel }}
          aria-label={`${text('activity.index', { index: item.index })}: ${text('verify.open')}`}
          onPress={() => setOpen(!isOpen)}
        >
          {text('activity.index', { index: item.index })}
        </Button>
      </div>
      <div id={panel} className={styles.panel} hidden={!isOpen}>
        {isOpen && <EntryVerification item={item} />}
      </div>
    </>
  )
}

import { useId, useState } from 'react'
import { Link } from 'react-router'
import type { ActivityItem } from '#schemas/types.gen.ts'
import { useFormats, useText } from '../messages/text.tsx'
import styles from './activity-list.module.css'
import { byDay, byEvent } from './activity-days.ts'
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

function messageOf({ type, acknowledged, replacedBy }: ActivityItem): string {
  if (acknowledged === 'deletion') return 'activity.acknowledged.deletion'
  return replacedBy === undefined ? `activity.${type}` : 'activity.replaced'
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
            {byEvent(entries).map(([item, ...more]) => (
              <li key={item?.index} className={styles.entry}>
                {item !== undefined && <Entry item={item} more={more} />}
              </li>
            ))}
          </ol>
        </section>
      ))}
    </div>
  )
}

/** `more`: further entries of the log that say the same. */
function Entry({ item, more }: { item: ActivityItem; more: readonly ActivityItem[] }) {
  const { text, rich, has } = useText()
  const formats = useFormats()
  const [opened, setOpened] = useState<ActivityItem>()
  const panel = useId()
  const id = messageOf(item)
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
        {[item, ...more].map((entry) => (
          <Button
            key={entry.index}
            look="quiet"
            small
            expands={{ isOpen: opened?.index === entry.index, what: panel }}
            aria-label={`${text('activity.index', { index: entry.index })}: ${text('verify.open')}`}
            onPress={() => setOpened(opened?.index === entry.index ? undefined : entry)}
          >
            {text('activity.index', { index: entry.index })}
          </Button>
        ))}
      </div>
      <div id={panel} className={styles.panel} hidden={opened === undefined}>
        {opened !== undefined && <EntryVerification key={opened.index} item={opened} />}
      </div>
    </>
  )
}

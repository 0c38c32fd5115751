import type { AmendedField, RequestView } from '#schemas/types.gen.ts'
import { useFormats, useText } from '../messages/text.tsx'
import styles from './amendment-note.module.css'
import { Icon } from './icons.tsx'
import { Card, Theirs } from './layout.tsx'

/**
 * What is different from what this business may read already, each kind on its own line. An Allow takes the place of the
 * earlier permission; a Deny leaves it as it is.
 */
export function AmendmentNote({ request }: { request: RequestView }) {
  const { text, rich } = useText()
  const formats = useFormats()
  const { amends, vendor, until, retention } = request
  if (amends === undefined) return null
  const business = <Theirs>{vendor.name}</Theirs>
  const isSameDay = formats.day(until) === formats.day(amends.until)
  const when = isSameDay ? formats.moment : formats.day
  const ends = { asked: when(until), before: when(amends.until) }
  // What is later by seconds would read as the same twice.
  const isLater = Date.parse(until) > Date.parse(amends.until) && ends.asked !== ends.before
  const isOftener = amends.reads !== undefined
  const isSame =
    amends.added.length + amends.removed.length + amends.recipientsAdded.length === 0 &&
    !isLater &&
    !isOftener &&
    !amends.keptLonger
  return (
    <Card>
      <section className={styles.note} aria-label={text('amends.title')}>
        <h2>{text('amends.title')}</h2>
        <p>
          {rich('amends.body', {
            business,
            since: formats.day(amends.since),
            until: formats.day(amends.until),
          })}
        </p>
        <ul className={styles.changes}>
          <Change icon="plus" show={amends.added.length > 0}>
            {rich('amends.added', { fields: listOf(amends.added) })}
          </Change>
          <Change icon="cross" show={amends.removed.length > 0}>
            {rich('amends.removed', { fields: listOf(amends.removed) })}
          </Change>
          <Change icon="clock" show={isOftener}>
            {text('amends.oftener')}
          </Change>
          <Change icon="clock" show={isLater}>
            {rich('amends.longer', ends)}
          </Change>
          <Change icon="file" show={amends.keptLonger}>
            {rich('amends.kept-longer', { duration: formats.duration(retention) })}
          </Change>
          <Change icon="people" show={amends.recipientsAdded.length > 0}>
            {rich('amends.recipients', { names: <Theirs>{formats.list(amends.recipientsAdded)}</Theirs> })}
          </Change>
          <Change icon="check" show={isSame}>
            {text('amends.same')}
          </Change>
        </ul>
        <p className={styles.soft}>{rich('amends.answers', { business })}</p>
      </section>
    </Card>
  )

  function listOf(fields: readonly AmendedField[]): string {
    return formats.list([...new Set(fields.map(({ title }) => title))])
  }
}

function Change({
  icon,
  show,
  children,
}: {
  icon: 'plus' | 'cross' | 'clock' | 'file' | 'people' | 'check'
  show: boolean
  children: React.ReactNode
}) {
  if (!show) return null
  return (
    <li>
      <Icon name={icon} size={18} />
      <span>{children}</span>
    </li>
  )
}

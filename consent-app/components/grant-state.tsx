import type { GrantView } from '#schemas/types.gen.ts'
import { useMe } from '../data/me.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { howItStands, isLive } from './grant-facts.ts'
import styles from './grant-state.module.css'
import { StateMark } from './mark.tsx'

/** The state of a grant in shape and word, with the time it was looked at: a state without a time says nothing. */
export function GrantState({ grant, size = 20 }: { grant: GrantView; size?: number }) {
  const { text } = useText()
  const formats = useFormats()
  const suspended = grant.vendor.suspended && isLive(grant)
  const stands = howItStands(grant, useMe().data?.podAccess === 'lost')
  const word = text(suspended ? 'state.suspended' : `state.${stands}`)
  return (
    <span className={styles.state}>
      <StateMark state={suspended || stands === 'shut' ? 'attention' : grant.state} size={size} />
      <span>
        {grant.endedAt === undefined
          ? text('state.as-of', { state: word, time: formats.time(grant.asOf) })
          : text('state.on', { state: word, day: formats.shortDay(grant.endedAt) })}
      </span>
    </span>
  )
}

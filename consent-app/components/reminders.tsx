import { Link } from 'react-router'
import type { ReminderView } from '#schemas/types.gen.ts'
import { useAnswerReminder, usePauseUnused, useReminders } from '../data/notifications.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Section } from './layout.tsx'
import { ListOfMany } from './list-of-many.tsx'
import { Notice } from './notice.tsx'
import { ProblemNote } from './problem-note.tsx'

/** Shown at first. */
const few = 5

/**
 * Permissions that are recalled after their time, or that nobody uses. What ends soon or is late stands beside them, drawn
 * from the permissions themselves.
 */
export function RemindersToAnswer() {
  const { text } = useText()
  const reminders = useReminders().data ?? []
  // A suspended business reads nothing anyhow: Home says so, and pausing it would change nothing.
  const shown = reminders.filter(
    ({ kind, vendor }) => !vendor.suspended && (kind === 'recall' || kind === 'unused'),
  )
  // Whoever is not used should be paused first; recalling it as well would say the same twice.
  const unused = new Set(shown.filter(({ kind }) => kind === 'unused').map(({ grantId }) => grantId))
  const once = shown.filter(({ kind, grantId }) => kind === 'unused' || !unused.has(grantId))
  if (once.length === 0) return null
  const notices = once.map((reminder) => (
    <Reminder key={`${reminder.grantId} ${reminder.kind}`} reminder={reminder} />
  ))
  return (
    <Section title={text('reminder.title')}>
      <ListOfMany items={notices} first={few} />
    </Section>
  )
}

function Reminder({ reminder }: { reminder: ReminderView }) {
  const { text } = useText()
  const formats = useFormats()
  const answer = useAnswerReminder(reminder)
  const pause = usePauseUnused(reminder)
  const { kind, grantId, vendor, validFrom, lastRead } = reminder
  const isUnused = kind === 'unused'
  return (
    <Notice
      icon="clock"
      actions={
        <>
          {isUnused && (
            <Button
              small
              onPress={() => pause.mutate()}
              isPending={pause.isPending}
              aria-label={text('reminder.pause.of', { business: vendor.name })}
            >
              {text('reminder.pause')}
            </Button>
          )}
          <Button
            small
            onPress={() => answer.mutate()}
            isPending={answer.isPending}
            aria-label={text('reminder.keep.of', { business: vendor.name })}
          >
            {text('reminder.keep')}
          </Button>
        </>
      }
    >
      <p>
        {!isUnused
          ? text('reminder.recall', { business: vendor.name, day: formats.day(validFrom) })
          : lastRead === undefined
            ? text('reminder.unused.never', { business: vendor.name, day: formats.day(validFrom) })
            : text('reminder.unused', { business: vendor.name, day: formats.day(lastRead) })}{' '}
        <Link to={`/relationships/${encodeURIComponent(grantId)}`}>{text('home.ending.look')}</Link>
      </p>
      {answer.isError && <ProblemNote error={answer.error} />}
      {pause.isError && <ProblemNote error={pause.error} />}
    </Notice>
  )
}

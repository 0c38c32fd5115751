import type { SessionView } from '#schemas/types.gen.ts'
import { useEndSession, useSessions } from '../data/sessions.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Card, Section, Soft, Stack } from './layout.tsx'
import { ProblemNote } from './problem-note.tsx'
import styles from './sessions.module.css'
import { Skeleton } from './skeleton.tsx'

/** Where the customer is signed in; each of the others can be ended here. */
export function SessionsSection() {
  const { text } = useText()
  const sessions = useSessions()
  const end = useEndSession()
  const others = sessions.data?.filter(({ current }) => !current) ?? []
  return (
    <Section title={text('sessions.title')}>
      <Stack>
        <Soft>{text('sessions.lead')}</Soft>
        {sessions.isError && <ProblemNote error={sessions.error} onRetry={() => void sessions.refetch()} />}
        {sessions.isPending && <Skeleton lines={2} />}
        {sessions.data !== undefined && (
          <Card>
            <ul className={styles.list}>
              {sessions.data.map((session) => (
                <Session
                  key={session.session}
                  session={session}
                  isEnding={end.isPending && end.variables === session.session}
                  onEnd={() => end.mutate(session.session)}
                />
              ))}
            </ul>
          </Card>
        )}
        {others.length > 1 && (
          <div>
            <Button
              onPress={() => end.mutate(undefined)}
              isPending={end.isPending && end.variables === undefined}
            >
              {text('sessions.end-others')}
            </Button>
          </div>
        )}
        {end.isError && <ProblemNote error={end.error} />}
        <p role="status" className={styles.told}>
          {end.isSuccess && text('sessions.ended')}
        </p>
      </Stack>
    </Section>
  )
}

function Session({
  session,
  isEnding,
  onEnd,
}: {
  session: SessionView
  isEnding: boolean
  onEnd: () => void
}) {
  const { text } = useText()
  const formats = useFormats()
  const { current, browser, system, signedInAt, usedAt } = session
  const device = text('sessions.device', {
    browser: text(`sessions.browser.${browser}`),
    system: text(`sessions.system.${system}`),
  })
  return (
    <li className={styles.session}>
      <div>
        <p className={styles.device}>
          {device}
          {current && <span className={styles.current}>{text('sessions.current')}</span>}
        </p>
        <p className={styles.when}>
          {text('sessions.since', { when: formats.moment(signedInAt) })}
          {!current && ` · ${text('sessions.used', { when: formats.moment(usedAt) })}`}
        </p>
      </div>
      {!current && (
        <Button
          small
          onPress={onEnd}
          isPending={isEnding}
          aria-label={text('sessions.end.of', { device, when: formats.moment(signedInAt) })}
        >
          {text('sessions.end')}
        </Button>
      )}
    </li>
  )
}

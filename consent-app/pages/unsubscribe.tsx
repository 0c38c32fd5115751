import { useParams } from 'react-router'
import { Bare } from '../components/bare.tsx'
import { Button, LinkButton } from '../components/button.tsx'
import { PageTitle, Stack } from '../components/layout.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { useStopMessages } from '../data/notifications.ts'
import { useText } from '../messages/text.tsx'

/** Where the link at the foot of a message leads: one press, nobody signed in. Opening it alone stops nothing. */
export function UnsubscribePage() {
  const { text } = useText()
  const { stop = '' } = useParams()
  const stopping = useStopMessages()
  const act = () => stopping.mutate(stop)
  return (
    <Bare>
      <Stack>
        <PageTitle title={text('unsubscribe.title')} />
        {stopping.isSuccess ? (
          <>
            <p role="status">{text('unsubscribe.done')}</p>
            <div>
              <LinkButton to="/">{text('request.gone.home')}</LinkButton>
            </div>
          </>
        ) : (
          <>
            <p>{text('unsubscribe.body')}</p>
            {stopping.isError && <ProblemNote error={stopping.error} onRetry={act} />}
            <div>
              <Button look="solid" onPress={act} isPending={stopping.isPending}>
                {text('unsubscribe.act')}
              </Button>
            </div>
          </>
        )}
      </Stack>
    </Bare>
  )
}

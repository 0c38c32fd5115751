import { useQuery } from '@tanstack/react-query'
import { useParams } from 'react-router'
import { Bare } from '../components/bare.tsx'
import { LinkButton } from '../components/button.tsx'
import { ConnectPod } from '../components/connect-pod.tsx'
import { PageTitle, Stack } from '../components/layout.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { RequestDecision } from '../components/request-decision.tsx'
import { RequestOutcome } from '../components/request-outcome.tsx'
import { shortWebId } from '../components/short-web-id.ts'
import { FirstSkeleton } from '../components/skeleton.tsx'
import { TurnedAway } from '../components/turned-away.tsx'
import { ProblemError } from '../data/http.ts'
import { useMe } from '../data/me.ts'
import { requestQuery, useDecide, useDecided } from '../data/requests.ts'
import { useWaitingFor } from '../data/waiting.ts'
import { useText } from '../messages/text.tsx'
import styles from './request.module.css'

/** One access request: the decision page, what came of it, or why it cannot be shown. */
export function RequestPage() {
  const { uid = '' } = useParams()
  const me = useMe().data
  const request = useQuery(requestQuery(uid, me?.accountId))
  const decided = useDecided(uid)
  const view = request.data
  const decide = useDecide(uid, view?.vendor.name ?? '')
  const answered = useWaitingFor(uid)
  // What came too late is told above; here stands what became of the request.
  const waiting = answered?.state === 'refused' ? undefined : answered
  const outcome =
    decided ??
    (view?.status === 'allowed' || view?.status === 'refused'
      ? {
          status: view.status,
          ...(view.returnTo === undefined ? {} : { returnTo: view.returnTo }),
          ...(view.pickupCode === undefined ? {} : { pickupCode: view.pickupCode }),
        }
      : undefined)

  // Without its frame, whose foot would jump away when the request comes.
  if (view === undefined && !request.isError) return <FirstSkeleton />
  // Only the decision itself needs two columns.
  const isMessage = view === undefined || waiting !== undefined
  return (
    <Bare wide={!isMessage} aside={<DecidingAs name={me?.name ?? (me?.webId && shortWebId(me.webId))} />}>
      {view === undefined ? (
        <NoRequest error={request.error} retry={() => void request.refetch()} />
      ) : view.turnedAway !== undefined ? (
        <TurnedAway
          uid={uid}
          request={view}
          turnedAway={view.turnedAway}
          onMayAsk={() => void request.refetch()}
        />
      ) : outcome !== undefined ? (
        <RequestOutcome request={view} outcome={outcome} />
      ) : waiting !== undefined ? (
        <AnswerWaits business={view.vendor.name} isSent={waiting.sent === true} />
      ) : me !== undefined && me.podAccess !== 'open' ? (
        <Stack gap="l">
          <ConnectPod me={me} forBusiness={view.vendor.name} onDone={() => void request.refetch()} />
        </Stack>
      ) : (
        <RequestDecision
          request={view}
          isSending={decide.isPending ? decide.variables.decision : undefined}
          error={decide.error}
          onDecide={(answer) => {
            if (!decide.isPending) decide.mutate(answer)
          }}
          onShowAgain={() => {
            decide.reset()
            void request.refetch()
          }}
        />
      )}
    </Bare>
  )
}

/** Given while nobody could be asked; stands above, with the way to take it back. */
function AnswerWaits({ business, isSent }: { business: string; isSent: boolean }) {
  const { text } = useText()
  return (
    <Stack>
      <PageTitle title={text('waiting.answer.title')} />
      <p>{text(isSent ? 'waiting.answer.sent' : 'waiting.answer.body', { business })}</p>
    </Stack>
  )
}

function DecidingAs({ name }: { name: string | undefined }) {
  const { rich } = useText()
  if (name === undefined) return null
  return <p className={styles.as}>{rich('request.as', { name: <bdi>{name}</bdi> })}</p>
}

/** Unknown, somebody else's, or out of time: nobody is told which of the first two. */
function NoRequest({ error, retry }: { error: unknown; retry: () => void }) {
  const { text } = useText()
  const code = error instanceof ProblemError ? error.code : 'unknown'
  const gone = code === 'not-found' || code === 'request-expired' || code === 'forbidden'
  return (
    <Stack>
      <PageTitle title={text(gone ? 'request.gone.title' : 'request.failed.title')} />
      {gone ? <p>{text('request.gone.body')}</p> : <ProblemNote error={error} onRetry={retry} />}
      <div>
        <LinkButton to="/">{text('request.gone.home')}</LinkButton>
      </div>
    </Stack>
  )
}

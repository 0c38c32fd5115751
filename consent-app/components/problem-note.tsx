import { useLocation } from 'react-router'
import { useConnection } from '../data/connection.ts'
import { ProblemError, isOffline, isPassing } from '../data/http.ts'
import { useMe } from '../data/me.ts'
import { useSignIn } from '../data/sign-in.ts'
import type { MessageId } from '../messages/locale.ts'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Notice } from './notice.tsx'

/** What a refusal means here and what to do now, by its closed code; nobody parses `detail`. */
export function useProblemText(): (error: unknown) => string {
  const { text, has } = useText()
  return (error) => {
    const code = error instanceof ProblemError ? error.code : 'unknown'
    const id = `problem.${code}`
    return has(id) ? text(id) : text('problem.unknown')
  }
}

/** An error that says what to do, with the means to do it: try again, or sign in at the pod again. */
export function ProblemNote({ error, onRetry }: { error: unknown; onRetry?: (() => void) | undefined }) {
  const { text } = useText()
  const problemText = useProblemText()
  const byPasskey = useMe().data?.byPasskey === true
  const code = error instanceof ProblemError ? error.code : 'unknown'
  const retry = onRetry !== undefined && (isPassing(error) || code === 'unknown' || code === 'rate-limited')
  // The network may be back by now: then all that is known is that no answer came.
  const isBack = useConnection() === 'online' && isOffline(error)
  const title: MessageId = isBack
    ? 'problem.title.no-answer'
    : isPassing(error)
      ? 'problem.title.passing'
      : 'problem.title'
  if (code === 'not-signed-in' && byPasskey) return <AtPodOnly announce />
  return (
    <Notice
      tone={isPassing(error) ? 'attention' : 'stop'}
      title={text(title)}
      announce
      actions={
        retry ? (
          <Button small onPress={onRetry}>
            {text('action.retry')}
          </Button>
        ) : code === 'not-signed-in' ? (
          <SignInAgain />
        ) : undefined
      }
    >
      <p>{isBack ? text('problem.no-answer') : problemText(error)}</p>
    </Notice>
  )
}

/** What a session that a passkey opened does not open, with the sign-in that does, and that comes back to `returnTo`. */
export function AtPodOnly({ announce = false, returnTo }: { announce?: boolean; returnTo?: string }) {
  const { text } = useText()
  return (
    <Notice
      tone="attention"
      icon="lock"
      title={text('passkey.pod.title')}
      announce={announce}
      actions={<SignInAgain returnTo={returnTo} />}
    >
      <p>{text('passkey.pod.body')}</p>
    </Notice>
  )
}

/** Editing the pod needs the pod's own sign-in, which ends sooner than Reach's, and which a passkey is not. */
function SignInAgain({ returnTo }: { returnTo?: string | undefined }) {
  const { text } = useText()
  const { issuer, byPasskey } = useMe().data ?? {}
  const { pathname } = useLocation()
  const signIn = useSignIn()
  if (issuer === undefined) return null
  return (
    <Button
      small
      isPending={signIn.isPending}
      onPress={() => signIn.mutate({ issuer, returnTo: returnTo ?? pathname })}
    >
      {text(byPasskey === true ? 'passkey.pod.act' : 'action.sign-in-again')}
    </Button>
  )
}

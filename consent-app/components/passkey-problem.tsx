import { ProblemError } from '../data/http.ts'
import { PasskeyError } from '../data/passkeys.ts'
import { useText } from '../messages/text.tsx'
import { Notice } from './notice.tsx'
import { ProblemNote } from './problem-note.tsx'

/** What went wrong with a passkey, and that the pod's sign-in is there in any case. */
export function PasskeyProblem({ error }: { error: unknown }) {
  const { text } = useText()
  if (error instanceof PasskeyError)
    return (
      <Notice tone="attention" announce>
        <p>{text(error.reason === 'there-already' ? 'passkey.there-already' : 'passkey.given-up')}</p>
      </Notice>
    )
  if (error instanceof ProblemError && error.code === 'sign-in-failed')
    return (
      <Notice tone="stop" announce>
        <p>{text('passkey.refused')}</p>
      </Notice>
    )
  return <ProblemNote error={error} />
}

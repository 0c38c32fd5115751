import { lazy } from 'react'
import type { ReactNode } from 'react'
import { useLive } from '../data/live.ts'
import { useMe } from '../data/me.ts'
import { Bare } from './bare.tsx'
import { ProblemNote } from './problem-note.tsx'
import { PageSkeleton } from './skeleton.tsx'

const WelcomePage = lazy(() => import('../pages/welcome.tsx').then((page) => ({ default: page.WelcomePage })))

/** Shows the page to who is signed in, and the way to sign in, at the same address, to everybody else. */
export function SignedInOnly({ children }: { children: ReactNode }) {
  const me = useMe()
  if (me.data !== undefined)
    return me.data.signedIn ? <Live key={me.data.accountId}>{children}</Live> : <WelcomePage me={me.data} />
  if (me.isError)
    return (
      <Bare>
        <ProblemNote error={me.error} onRetry={() => void me.refetch()} />
      </Bare>
    )
  return <PageSkeleton />
}

function Live({ children }: { children: ReactNode }) {
  useLive()
  return children
}

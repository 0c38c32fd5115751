import { lazy, useEffect, useEffectEvent } from 'react'
import type { ReactNode } from 'react'
import { useLive } from '../data/live.ts'
import { useMe } from '../data/me.ts'
import { useUnsaved } from '../data/unsaved.ts'
import { serveOffline } from '../data/service-worker.ts'
import { useLanguage } from '../messages/language.tsx'
import { Bare } from './bare.tsx'
import { ProblemNote } from './problem-note.tsx'
import { FirstSkeleton } from './skeleton.tsx'
import { WaitingActs } from './waiting-acts.tsx'

const SessionEnded = lazy(() =>
  import('./session-ended.tsx').then((page) => ({ default: page.SessionEnded })),
)
const WelcomePage = lazy(() => import('../pages/welcome.tsx').then((page) => ({ default: page.WelcomePage })))

/** She chose her language with her account, perhaps on another device. */
function useOwnLanguage(): void {
  const own = useMe().data?.language
  const { suggest } = useLanguage()
  const first = useEffectEvent(suggest)
  useEffect(() => {
    if (own !== undefined) first(own)
  }, [own])
}

/** Shows the page to who is signed in, and the way to sign in, at the same address, to everybody else. */
export function SignedInOnly({ children }: { children: ReactNode }) {
  const me = useMe()
  const isUnsaved = useUnsaved()
  if (me.data !== undefined) {
    if (me.data.signedIn) return <Live key={me.data.accountId}>{children}</Live>
    return isUnsaved ? <SessionEnded /> : <WelcomePage me={me.data} />
  }
  // Also while it is tried once more.
  if (me.errorUpdateCount > 0)
    return (
      <Bare>
        <ProblemNote error={me.error ?? me.failureReason} onRetry={() => void me.refetch()} />
      </Bare>
    )
  return <FirstSkeleton />
}

function Live({ children }: { children: ReactNode }) {
  useLive()
  useOwnLanguage()
  useEffect(() => void serveOffline(), [])
  return (
    <>
      <WaitingActs />
      {children}
    </>
  )
}

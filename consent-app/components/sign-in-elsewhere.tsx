import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Redirect } from '#schemas/types.gen.ts'
import { call } from '../data/http.ts'
import { issuerOfPage } from '../data/me.ts'
import { rememberedIssuer } from '../data/remembered-issuer.ts'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { ProblemNote } from './problem-note.tsx'

/** Where a sign-in in a tab of its own tells the others that it is done. */
export const signedInChannel = 'reach.signed-in'

/** Signs in at the pod in another tab, so that what was typed in this one stays. */
export function SignInElsewhere() {
  const { text } = useText()
  const client = useQueryClient()
  const [error, setError] = useState<unknown>()
  const [isPending, setPending] = useState(false)

  useEffect(() => {
    const look = () => {
      void client.invalidateQueries({ queryKey: ['me'] })
      window.dispatchEvent(new Event('online'))
    }
    const channel = new BroadcastChannel(signedInChannel)
    channel.addEventListener('message', look)
    window.addEventListener('focus', look)
    return () => {
      channel.close()
      window.removeEventListener('focus', look)
    }
  }, [client])

  const open = async () => {
    // At once, since browsers open no tab later than the press that asked for it.
    const tab = window.open('', '_blank')
    setPending(true)
    setError(undefined)
    try {
      const { location } = await call<Redirect>('POST', 'api/sign-in', {
        body: { issuer: issuerOfPage() ?? rememberedIssuer(), returnTo: '/signed-in-again' },
      })
      if (tab === null) window.location.assign(location)
      else tab.location.href = location
    } catch (cause) {
      tab?.close()
      setError(cause)
    } finally {
      setPending(false)
    }
  }

  return (
    <>
      <Button small isPending={isPending} onPress={() => void open()}>
        {text('session-ended.act')}
      </Button>
      {error !== undefined && <ProblemNote error={error} />}
    </>
  )
}

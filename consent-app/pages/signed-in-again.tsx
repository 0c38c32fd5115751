import { useEffect } from 'react'
import { Bare } from '../components/bare.tsx'
import { Lead, PageTitle } from '../components/layout.tsx'
import { signedInChannel } from '../components/sign-in-elsewhere.tsx'
import { useText } from '../messages/text.tsx'

/** The end of a sign-in in a tab of its own: the tab that asked for it goes on. */
export function SignedInAgainPage() {
  const { text } = useText()
  useEffect(() => {
    const channel = new BroadcastChannel(signedInChannel)
    channel.postMessage('done')
    channel.close()
  }, [])
  return (
    <Bare>
      <PageTitle title={text('signed-in-again.title')} />
      <Lead>{text('signed-in-again.body')}</Lead>
    </Bare>
  )
}

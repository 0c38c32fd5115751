import { useState } from 'react'
import type { Me } from '#schemas/types.gen.ts'
import {
  canUsePasskeys,
  passkeyHere,
  rememberPasskey,
  useMakePasskey,
  usePasskeys,
} from '../data/passkeys.ts'
import { useText } from '../messages/text.tsx'
import { mountPath } from '../mount.ts'
import { Button } from './button.tsx'
import { Section } from './layout.tsx'
import { Notice } from './notice.tsx'
import { PasskeyProblem } from './passkey-problem.tsx'

/** Offered once on a device, to who has none; said no to, it does not come again here. Not in the tour, which is thrown away. */
export function PasskeyOffer({ me }: { me: Me }) {
  const { text } = useText()
  const [isDone, setDone] = useState(() => passkeyHere() !== undefined)
  const fits = !isDone && me.byPasskey !== true && canUsePasskeys() && mountPath() === '/'
  const passkeys = usePasskeys({ enabled: fits })
  const make = useMakePasskey()
  if (make.isSuccess)
    return (
      <div role="status">
        <Notice tone="good">
          <p>{text('passkey.made')}</p>
        </Notice>
      </div>
    )
  if (!fits || passkeys.data?.length !== 0) return null
  return (
    <Section title={text('passkey.offer.title')}>
      <Notice
        icon="lock"
        actions={
          <>
            <Button small onPress={() => make.mutate(text('passkeys.usual-name'))} isPending={make.isPending}>
              {text('passkeys.make')}
            </Button>
            <Button
              small
              onPress={() => {
                rememberPasskey('declined')
                setDone(true)
              }}
            >
              {text('passkey.offer.no')}
            </Button>
          </>
        }
      >
        <p>{text('passkey.offer.body')}</p>
        {make.isError && <PasskeyProblem error={make.error} />}
      </Notice>
    </Section>
  )
}

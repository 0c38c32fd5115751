import { useState } from 'react'
import type { Me, Probe } from '#schemas/types.gen.ts'
import { useKeepCredentials } from '../data/pod.ts'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { TextField } from './controls.tsx'
import { Soft, Stack, Theirs } from './layout.tsx'
import { Notice } from './notice.tsx'
import { ProblemNote } from './problem-note.tsx'

/**
 * For a pod server that cannot ask Reach who its agent is, as when one of the two is on a private address: the customer
 * makes Reach credentials there. Says what that means before it asks.
 */
export function PodCredentials({ me, onConnected }: { me: Me; onConnected: (probe: Probe) => void }) {
  const { text, rich } = useText()
  const keep = useKeepCredentials()
  const [clientId, setClientId] = useState('')
  const [clientSecret, setClientSecret] = useState('')
  return (
    <Stack>
      <Notice tone="attention" title={text('credentials.title')}>
        <p>{text('credentials.why')}</p>
      </Notice>
      <p>{rich('credentials.how', { issuer: <Theirs>{me.issuer ?? ''}</Theirs> })}</p>
      <Soft>{text('credentials.least')}</Soft>
      <TextField
        label={text('credentials.id')}
        value={clientId}
        onChange={setClientId}
        spellCheck={false}
        autoComplete="off"
        maxLength={500}
      />
      <TextField
        label={text('credentials.secret')}
        type="password"
        value={clientSecret}
        onChange={setClientSecret}
        description={text('credentials.secret.kept')}
        autoComplete="off"
        maxLength={500}
      />
      {keep.isError && <ProblemNote error={keep.error} />}
      <div>
        <Button
          isPending={keep.isPending}
          onPress={() =>
            keep.mutate(
              { clientId: clientId.trim(), clientSecret: clientSecret.trim() },
              { onSuccess: onConnected },
            )
          }
        >
          {text('credentials.act')}
        </Button>
      </div>
    </Stack>
  )
}

import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { isKeptHere, setKeptHere } from '../data/kept-copy.ts'
import { useText } from '../messages/text.tsx'
import { Checkbox } from './controls.tsx'
import { Section, Soft, Stack } from './layout.tsx'

/** Whether a copy of what was looked at may stay on the device, beyond this tab. */
export function KeepCopySection({ accountId }: { accountId: string | undefined }) {
  const { text } = useText()
  const client = useQueryClient()
  const [isKept, setKept] = useState(() => isKeptHere(accountId))
  if (accountId === undefined) return null
  return (
    <Section title={text('copy.title')}>
      <Stack gap="s">
        <p>{text('copy.explain')}</p>
        <Checkbox
          isSelected={isKept}
          onChange={(wanted) => {
            setKeptHere(client, accountId, wanted)
            setKept(isKeptHere(accountId))
          }}
        >
          {text('copy.here')}
        </Checkbox>
        <Soft>{text('copy.care')}</Soft>
      </Stack>
    </Section>
  )
}

import { useState } from 'react'
import type { GrantView } from '#schemas/types.gen.ts'
import { useChangeGrant } from '../data/grants.ts'
import { useWaitingFor } from '../data/waiting.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { ContactLink } from './business.tsx'
import { Confirm } from './confirm.tsx'
import { Checkbox } from './controls.tsx'
import { fieldsOf } from './grant-facts.ts'
import { Soft, Theirs } from './layout.tsx'
import { ProblemNote } from './problem-note.tsx'
import { WaitsNote } from './waiting-acts.tsx'

/** Withdrawing in two presses from wherever a grant is listed: no more than allowing took. */
export function WithdrawButton({ grant, small = false }: { grant: GrantView; small?: boolean }) {
  const { text, rich } = useText()
  const formats = useFormats()
  const [isOpen, setOpen] = useState(false)
  const [askDeletion, setAskDeletion] = useState(false)
  const withdraw = useChangeGrant(grant, 'withdraw')
  const waiting = useWaitingFor(grant.grantId)
  const { name, contact } = grant.vendor
  if (waiting?.kind === 'withdraw') return <Soft>{text('waiting.here')}</Soft>
  return (
    <>
      <Button
        small={small}
        onPress={() => {
          withdraw.reset()
          setAskDeletion(false)
          setOpen(true)
        }}
        aria-label={text('withdraw.of', { business: name })}
      >
        {text('withdraw.act')}
      </Button>
      <Confirm
        isOpen={isOpen}
        title={text('withdraw.title', { business: name })}
        yes={text('withdraw.act')}
        no={text('withdraw.keep')}
        isPending={withdraw.isPending}
        onYes={() => {
          if (!withdraw.isPending)
            withdraw.mutate(askDeletion ? { askDeletion } : {}, { onSuccess: () => setOpen(false) })
        }}
        onNo={() => setOpen(false)}
      >
        <p>
          {rich('withdraw.effect', {
            business: <Theirs>{name}</Theirs>,
            fields: formats.list(fieldsOf(grant).map(({ title }) => title)),
          })}
        </p>
        <p>
          {rich('withdraw.copies', { business: <Theirs>{name}</Theirs> })}{' '}
          {contact !== undefined && rich('withdraw.contact', { contact: <ContactLink contact={contact} /> })}
        </p>
        {grant.state !== 'waiting' && (
          <Checkbox isSelected={askDeletion} onChange={setAskDeletion}>
            {rich('withdraw.ask-deletion', { business: <Theirs>{name}</Theirs> })}
          </Checkbox>
        )}
        <WaitsNote />
        {withdraw.isError && <ProblemNote error={withdraw.error} />}
      </Confirm>
    </>
  )
}

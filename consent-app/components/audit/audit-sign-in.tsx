import { useState } from 'react'
import { useOpenAccount } from '../../data/audit.ts'
import { useAuditText } from './audit-text.tsx'
import { Button } from '../button.tsx'
import { TextField } from '../controls.tsx'
import { Card, Lead, PageTitle, Stack } from '../layout.tsx'
import { ProblemNote } from '../problem-note.tsx'

/** The way in for whoever has the key of an account. */
export function AuditSignIn() {
  const { text } = useAuditText()
  const [pass, setPass] = useState('')
  const [isWrong, setWrong] = useState(false)
  const open = useOpenAccount('sign-in')
  return (
    <>
      <PageTitle title={text('audit.sign-in.title')} />
      <Lead>{text('audit.sign-in.lead')}</Lead>
      <Card>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            const key = pass.trim()
            setWrong(!/^[\w-]{43}$/.test(key))
            if (/^[\w-]{43}$/.test(key)) open.mutate(key)
          }}
        >
          <Stack>
            <TextField
              label={text('audit.sign-in.key')}
              value={pass}
              onChange={setPass}
              type="password"
              autoComplete="current-password"
              description={text('audit.sign-in.rule')}
              error={isWrong ? text('audit.sign-in.wrong') : undefined}
            />
            {open.isError && <ProblemNote error={open.error} />}
            <Button type="submit" look="solid" isPending={open.isPending}>
              {text('audit.sign-in.act')}
            </Button>
          </Stack>
        </form>
      </Card>
    </>
  )
}

import { useState } from 'react'
import { plainTextFault } from '#core/domain/plain-text.ts'
import { useAuditText } from './audit-text.tsx'
import { Button } from '../button.tsx'
import { TextField } from '../controls.tsx'
import { Card, Lead, PageTitle, Stack } from '../layout.tsx'

/** A review begins with why. */
export function AskReason({ onGiven }: { onGiven: (reason: string) => void }) {
  const { text } = useAuditText()
  const [reason, setReason] = useState('')
  const [isWrong, setWrong] = useState(false)
  return (
    <>
      <PageTitle title={text('audit.reason.title')} />
      <Lead>{text('audit.reason.lead')}</Lead>
      <Card>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            const given = reason.trim()
            const isRight = given.length >= 3 && plainTextFault(given) === undefined
            setWrong(!isRight)
            if (isRight) onGiven(given)
          }}
        >
          <Stack>
            <TextField
              label={text('audit.reason.label')}
              value={reason}
              onChange={setReason}
              maxLength={300}
              description={text('audit.reason.rule')}
              error={isWrong ? text('audit.reason.wrong') : undefined}
            />
            <Button type="submit" look="solid">
              {text('audit.reason.act')}
            </Button>
          </Stack>
        </form>
      </Card>
    </>
  )
}

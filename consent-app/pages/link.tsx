import { useState } from 'react'
import type { FormEvent } from 'react'
import { useNavigate, useSearchParams } from 'react-router'
import { Bare } from '../components/bare.tsx'
import { Button } from '../components/button.tsx'
import { TextField } from '../components/controls.tsx'
import { focusFirstWrong } from '../components/focus-wrong.ts'
import { Lead, PageTitle, Stack } from '../components/layout.tsx'
import { Notice } from '../components/notice.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { ProblemError } from '../data/http.ts'
import { useOpenLink } from '../data/requests.ts'
import { useText } from '../messages/text.tsx'
import { pathInApp } from '../mount.ts'

/**
 * Where the link or QR code of a business leads. Nothing happens by coming here: opening the request is a press, and
 * whoever opens it is asked for the code once more before anything can be allowed.
 */
export function LinkPage() {
  const { text } = useText()
  const [parameters] = useSearchParams()
  const navigate = useNavigate()
  const open = useOpenLink()
  const [code, setCode] = useState(parameters.get('code')?.slice(0, 40) ?? '')
  const [isEmpty, setEmpty] = useState(false)

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    setEmpty(code.trim() === '')
    if (code.trim() === '') focusFirstWrong(event.currentTarget)
    else if (!open.isPending)
      open.mutate(code, {
        onSuccess: ({ location }) => void navigate(pathInApp(location, document.baseURI)),
      })
  }
  const isUnknown = open.error instanceof ProblemError && open.error.code === 'not-found'
  return (
    <Bare>
      <form onSubmit={submit} noValidate>
        <Stack>
          <PageTitle title={text('link.title')} />
          <Lead>{text('link.lead')}</Lead>
          <Notice tone="attention">
            <p>{text('link.warning')}</p>
          </Notice>
          <TextField
            label={text('link.code')}
            value={code}
            onChange={setCode}
            autoComplete="off"
            spellCheck={false}
            maxLength={40}
            description={text('link.code.explain')}
            error={isEmpty ? text('link.code.missing') : isUnknown ? text('link.unknown') : undefined}
          />
          <div>
            <Button type="submit" look="solid" isPending={open.isPending}>
              {text('link.act')}
            </Button>
          </div>
          {open.isError && !isUnknown && <ProblemNote error={open.error} />}
        </Stack>
      </form>
    </Bare>
  )
}

import { useLocation } from 'react-router'
import type { Left } from '#schemas/types.gen.ts'
import { Bare } from '../components/bare.tsx'
import { LinkButton } from '../components/button.tsx'
import { Card, Fact, Facts, Lead, PageTitle, Soft, Stack } from '../components/layout.tsx'
import { useText } from '../messages/text.tsx'

/** After leaving: what has happened, and the reference under which the log tells of it. */
export function LeftPage() {
  const { text } = useText()
  const left = useLocation().state as Left | null
  return (
    <Bare>
      <Stack gap="l">
        <div>
          <PageTitle title={text('left.title')} />
          <Lead>{text('left.lead')}</Lead>
        </div>
        {left !== null && (
          <Card>
            <Facts>
              <Fact name={text('left.pod')}>{text(`left.pod.${left.podAccess}`)}</Fact>
              <Fact name={text('left.reference')}>
                <code>{left.erasure}</code>
                <Soft>{text('left.reference.why')}</Soft>
              </Fact>
            </Facts>
          </Card>
        )}
        <div>
          <LinkButton to="/">{text('left.home')}</LinkButton>
        </div>
      </Stack>
    </Bare>
  )
}

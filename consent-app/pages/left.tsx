import { useLocation } from 'react-router'
import type { Left } from '#schemas/types.gen.ts'
import { Bare } from '../components/bare.tsx'
import { LinkButton } from '../components/button.tsx'
import { Card, Fact, Facts, Lead, PageTitle, Soft, Stack } from '../components/layout.tsx'
import { useWhetherLeft } from '../data/leave.ts'
import type { LeftOrNot } from '../data/leave.ts'
import { useText } from '../messages/text.tsx'

/** After leaving: what has happened, as far as it is known, and the reference under which the log tells of it. */
export function LeftPage() {
  const { text } = useText()
  const left = useLocation().state as Left | LeftOrNot | null
  const ending = useWhetherLeft(left !== null && 'askedAt' in left ? left.askedAt : undefined)
  return (
    <Bare>
      <Stack gap="l">
        <div role="status">
          <PageTitle title={text(ending === 'left' ? 'left.title' : 'left.unknown.title')} />
          <Lead>{text(ending === 'left' ? 'left.lead' : `left.${ending}.lead`)}</Lead>
        </div>
        {left !== null && (
          <Card>
            <Facts>
              {'podAccess' in left && (
                <Fact name={text('left.pod')}>{text(`left.pod.${left.podAccess}`)}</Fact>
              )}
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

import { dropDrafts } from '../data/drafts.ts'
import { useText } from '../messages/text.tsx'
import { Bare } from './bare.tsx'
import { Button } from './button.tsx'
import { PageTitle, Row, Stack } from './layout.tsx'
import { SignInElsewhere } from './sign-in-elsewhere.tsx'

/** The session ended while something was typed: the page waits with it, and says how to go on. */
export function SessionEnded() {
  const { text } = useText()
  return (
    <Bare>
      <Stack>
        <PageTitle title={text('session-ended.title')} />
        <p>{text('session-ended.body')}</p>
        <Row>
          <SignInElsewhere />
          <Button small look="quiet" onPress={dropDrafts}>
            {text('session-ended.discard')}
          </Button>
        </Row>
      </Stack>
    </Bare>
  )
}

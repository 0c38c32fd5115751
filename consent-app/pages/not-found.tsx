import { LinkButton } from '../components/button.tsx'
import { Lead, PageTitle, Stack } from '../components/layout.tsx'
import { useText } from '../messages/text.tsx'

export function NotFoundPage() {
  const { text } = useText()
  return (
    <Stack>
      <div>
        <PageTitle title={text('not-found.title')} />
        <Lead>{text('not-found.body')}</Lead>
      </div>
      <div>
        <LinkButton to="/" look="solid">
          {text('not-found.home')}
        </LinkButton>
      </div>
    </Stack>
  )
}

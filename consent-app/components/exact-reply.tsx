import type { FieldView } from '#schemas/types.gen.ts'
import { useText } from '../messages/text.tsx'
import { ExactText, Fold } from './fold.tsx'
import { Soft } from './layout.tsx'
import { replyData } from './request-choice.ts'

const longest = 160

/** The very data a reply would carry today, for who wants to see it letter by letter. */
export function ExactReply({ fields, business }: { fields: readonly FieldView[]; business: string }) {
  const { text } = useText()
  const shorten = (_key: string, value: unknown) =>
    typeof value === 'string' && value.length > longest
      ? text('exact.shortened', { start: value.slice(0, 40), count: value.length })
      : value
  return (
    <Fold title={text('exact.title', { business })}>
      <Soft>{text('exact.explain')}</Soft>
      <ExactText label={text('exact.region')}>{JSON.stringify(replyData(fields), shorten, 2)}</ExactText>
    </Fold>
  )
}

import type { EarlierTerms as Earlier } from '#schemas/types.gen.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Fact, Facts, Stack } from './layout.tsx'
import { ReceiptFiles } from './receipt-files.tsx'

/** What a permission covered before each change, newest first, each with the receipt of its own decision. */
export function EarlierTerms({ earlier }: { earlier: readonly Earlier[] }) {
  const { text, rich } = useText()
  const formats = useFormats()
  return (
    <Facts>
      {earlier.map(({ from, to, fields, until, readsAllowed, receiptId }) => (
        <Fact
          key={receiptId}
          name={text('relationship.earlier.span', { from: formats.moment(from), to: formats.moment(to) })}
        >
          <Stack gap="s">
            <p>
              {rich('relationship.earlier.terms', {
                fields: formats.list(fields.map(({ title }) => title)),
                until: formats.day(until),
              })}
              {readsAllowed !== undefined && (
                <> · {text('relationship.earlier.reads', { count: readsAllowed })}</>
              )}
            </p>
            <ReceiptFiles receiptId={receiptId} />
          </Stack>
        </Fact>
      ))}
    </Facts>
  )
}

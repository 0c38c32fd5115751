import type { Me } from '#schemas/types.gen.ts'
import { useCatalogue } from '../data/catalogue.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Notice } from './notice.tsx'
import { Stack } from './layout.tsx'

/** What the customer should know of her pod right now: it does not answer, or another app has shut a part of it. */
export function PodNotices({ me }: { me: Me }) {
  const { text } = useText()
  const formats = useFormats()
  const { podTrouble, lostCategories = [] } = me
  const parts = useCatalogue()
    .categories.filter(({ category }) => lostCategories.includes(category))
    .map(({ title }) => title)
  if (podTrouble === undefined && lostCategories.length === 0) return null
  return (
    <Stack gap="s">
      {podTrouble !== undefined && (
        <Notice tone="attention" title={text('pod.trouble.title')}>
          <p>{text(`pod.trouble.${podTrouble.reason}`)}</p>
          <p>{text('pod.trouble.effect', { moment: formats.moment(podTrouble.since) })}</p>
        </Notice>
      )}
      {lostCategories.length > 0 && (
        <Notice tone="attention" title={text('pod.part-lost.title')}>
          <p>{text('pod.part-lost.body', { parts: formats.list(parts) })}</p>
        </Notice>
      )}
    </Stack>
  )
}

import type { BoundaryView } from '#schemas/types.gen.ts'
import { useBoundaries, useLetAsk } from '../data/boundaries.ts'
import { useFormats, useText } from '../messages/text.tsx'
import styles from './boundaries.module.css'
import { Button } from './button.tsx'
import { BusinessMark } from './business.tsx'
import { Card, Section, Soft, Stack, Theirs } from './layout.tsx'
import { ProblemNote } from './problem-note.tsx'
import { Skeleton } from './skeleton.tsx'

/** Businesses that cannot ask, or not for everything; what was turned away; and the way to let them ask again. */
export function BoundariesSection() {
  const { text } = useText()
  const boundaries = useBoundaries()
  return (
    <Section title={text('boundaries.title')}>
      <Stack>
        <Soft>{text('boundaries.lead')}</Soft>
        {boundaries.isError && (
          <ProblemNote error={boundaries.error} onRetry={() => void boundaries.refetch()} />
        )}
        {boundaries.isPending && <Skeleton lines={2} />}
        {boundaries.data?.length === 0 && <p>{text('boundaries.none')}</p>}
        {boundaries.data?.map((boundary) => (
          <Card key={boundary.vendor.vendorId}>
            <Boundary boundary={boundary} />
          </Card>
        ))}
      </Stack>
    </Section>
  )
}

function Boundary({ boundary }: { boundary: BoundaryView }) {
  const { text, rich } = useText()
  const formats = useFormats()
  const { vendor, blockedAt, nothingUntil, denied, turnedAway } = boundary
  const letAsk = useLetAsk(vendor.vendorId)
  return (
    <article className={styles.boundary} aria-label={vendor.name}>
      <BusinessMark vendor={vendor} />
      <div className={styles.what}>
        <h3>
          <Theirs>{vendor.name}</Theirs>
        </h3>
        {blockedAt !== undefined && <p>{text('boundaries.blocked', { day: formats.day(blockedAt) })}</p>}
        {nothingUntil !== undefined && (
          <p>{text('boundaries.nothing', { day: formats.day(nothingUntil) })}</p>
        )}
        {denied.map(({ purpose, purposeTitle, fields, until }) => (
          <p key={purpose}>
            {rich('boundaries.denied', {
              day: formats.day(until),
              fields: formats.list(fields.map(({ title }) => title)),
            })}{' '}
            · {purposeTitle}
          </p>
        ))}
        <p className={styles.soft}>
          {text('boundaries.count', {
            count: turnedAway.length,
            moment: formats.moment(turnedAway[0]?.at ?? 0),
          })}
        </p>
      </div>
      {(blockedAt !== undefined || denied.length > 0) && (
        <Button
          small
          onPress={() => letAsk.mutate()}
          isPending={letAsk.isPending}
          aria-label={text('boundaries.let-ask.of', { business: vendor.name })}
        >
          {text('boundaries.let-ask')}
        </Button>
      )}
      {letAsk.isError && <ProblemNote error={letAsk.error} />}
    </article>
  )
}

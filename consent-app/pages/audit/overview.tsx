import { Link, useSearchParams } from 'react-router'
import type { AuditCounts } from '#schemas/types.gen.ts'
import { useReview } from '../../components/audit/audit-shell.tsx'
import { Filters, useFilter } from '../../components/audit/filters.tsx'
import { Card, Fact, Facts, Lead, PageTitle, Section, Soft, Stack } from '../../components/layout.tsx'
import { Notice } from '../../components/notice.tsx'
import { ProblemNote } from '../../components/problem-note.tsx'
import { Skeleton } from '../../components/skeleton.tsx'
import { useAuditOverview } from '../../data/audit.ts'
import { useFormats } from '../../messages/text.tsx'
import { useAuditText } from '../../components/audit/audit-text.tsx'
import styles from './overview.module.css'

const shownTypes = ['requested', 'granted', 'refused', 'disclosed', 'withdrawn', 'expired'] as const

/** Counts over time, and what a replay of the log finds. */
export function AuditOverviewPage() {
  const { text } = useAuditText()
  const { reason } = useReview()
  const { filter } = useFilter()
  const overview = useAuditOverview(reason, filter)
  return (
    <>
      <PageTitle title={text('audit.overview.title')} />
      <Lead>{text('audit.overview.lead')}</Lead>
      <Section title={text('audit.filter.title')}>
        <Filters shown={['business', 'from', 'to']} />
      </Section>
      {overview.isPending && <Skeleton lines={8} />}
      {overview.isError && <ProblemNote error={overview.error} />}
      {overview.data !== undefined && <Counts counts={overview.data} />}
    </>
  )
}

function Counts({ counts: { types, days, acknowledgements, findings, size } }: { counts: AuditCounts }) {
  const { text, named } = useAuditText()
  const [parameters] = useSearchParams()
  const entriesOf = (type: string) => `/audit?${new URLSearchParams([...parameters, ['type', type]])}`
  return (
    <>
      {findings !== undefined && (
        <Section title={text('audit.overview.replay')}>
          <Findings findings={findings} size={size} />
        </Section>
      )}
      <Section title={text('audit.overview.counts')}>
        <Card>
          <Facts>
            {Object.entries(types).map(([type, count]) => (
              <Fact key={type} name={named('type', type)}>
                <Link to={entriesOf(type)}>{count}</Link>
              </Fact>
            ))}
            <Fact name={text('audit.overview.answered')}>
              <Answered times={acknowledgements} />
            </Fact>
          </Facts>
        </Card>
      </Section>
      <Section title={text('audit.overview.days')}>
        <Days days={days} />
      </Section>
    </>
  )
}

function Findings({ findings, size }: { findings: NonNullable<AuditCounts['findings']>; size: number }) {
  const { text } = useAuditText()
  if (findings.length === 0)
    return (
      <Notice tone="good">
        <p>{text('audit.overview.clean', { size })}</p>
      </Notice>
    )
  return (
    <Stack>
      <Notice tone="stop">
        <p>{text('audit.overview.found', { count: findings.length })}</p>
      </Notice>
      <ol>
        {findings.map(({ index, code }) => (
          <li key={`${index} ${code}`}>
            <Link to={`/audit/entries/${index}`}>{text('activity.index', { index })}</Link>{' '}
            <code>{code}</code>
          </li>
        ))}
      </ol>
    </Stack>
  )
}

function Answered({
  times: { count, open, medianMs, longestMs },
}: {
  times: AuditCounts['acknowledgements']
}) {
  const { text } = useAuditText()
  const hours = (ms: number | undefined) => Math.round((ms ?? 0) / 360_000) / 10
  return text(count === 0 ? 'audit.overview.unanswered' : 'audit.overview.times', {
    count,
    open,
    median: hours(medianMs),
    longest: hours(longestMs),
  })
}

function Days({ days }: { days: AuditCounts['days'] }) {
  const { text, named } = useAuditText()
  const formats = useFormats()
  if (days.length === 0) return <Soft>{text('audit.entries.empty')}</Soft>
  return (
    <div className={styles.scroll} role="region" aria-label={text('audit.overview.days')} tabIndex={0}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">{text('audit.overview.day')}</th>
            {shownTypes.map((type) => (
              <th key={type} scope="col">
                {named('type', type)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {days.toReversed().map(({ day, counts }) => (
            <tr key={day}>
              <th scope="row">{formats.calendarDay(day)}</th>
              {shownTypes.map((type) => (
                <td key={type}>{counts[type] ?? 0}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

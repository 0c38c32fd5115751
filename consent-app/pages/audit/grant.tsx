import { useParams } from 'react-router'
import { useReview } from '../../components/audit/audit-shell.tsx'
import { EntryRow } from '../../components/audit/entry-row.tsx'
import { NoticeText } from '../../components/audit/notice-text.tsx'
import { LinkButton } from '../../components/button.tsx'
import { Card, Lead, PageTitle, Section, Soft, Stack } from '../../components/layout.tsx'
import { ProblemNote } from '../../components/problem-note.tsx'
import { Skeleton } from '../../components/skeleton.tsx'
import { useAuditTimeline } from '../../data/audit.ts'
import { useAuditText } from '../../components/audit/audit-text.tsx'
import styles from './grant.module.css'

/** One grant from its request to its end, and what its customer was shown. */
export function AuditGrantPage() {
  const { text } = useAuditText()
  const { reason } = useReview()
  const grant = useParams()['grantId'] ?? ''
  const timeline = useAuditTimeline(reason, grant)
  const { entries = [], notices = [], truncated = false } = timeline.data ?? {}
  return (
    <>
      <PageTitle title={text('audit.grant.title')} />
      <Lead>{text('audit.grant.lead')}</Lead>
      {timeline.isPending && <Skeleton lines={6} />}
      {timeline.isError && <ProblemNote error={timeline.error} />}
      {timeline.data !== undefined && (
        <>
          <Section title={text('audit.grant.timeline')}>
            <Stack>
              {truncated && <Soft>{text('audit.grant.truncated')}</Soft>}
              <ol className={styles.timeline}>
                {entries.map((entry) => (
                  <li key={entry.index}>
                    <EntryRow entry={entry} />
                  </li>
                ))}
              </ol>
              <div>
                <LinkButton small to={`/audit?grant=${encodeURIComponent(grant)}`}>
                  {text('audit.grant.all')}
                </LinkButton>
              </div>
            </Stack>
          </Section>
          <Section title={text('audit.grant.notices')}>
            <Stack>
              {notices.length === 0 && <Soft>{text('audit.notice.hidden')}</Soft>}
              {notices.map(({ hash, text: shown }) => (
                <Card key={hash}>
                  <NoticeText hash={hash} shown={shown} />
                </Card>
              ))}
            </Stack>
          </Section>
        </>
      )}
    </>
  )
}

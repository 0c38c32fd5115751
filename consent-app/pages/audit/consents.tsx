import { Link } from 'react-router'
import type { ConsentState } from '#schemas/types.gen.ts'
import { useReview } from '../../components/audit/audit-shell.tsx'
import { Filters, useFilter } from '../../components/audit/filters.tsx'
import { Button } from '../../components/button.tsx'
import { Fact, Facts, Lead, PageTitle, Section, Soft, Stack } from '../../components/layout.tsx'
import { StateMark } from '../../components/mark.tsx'
import type { RingState } from '../../components/mark.tsx'
import { ProblemNote } from '../../components/problem-note.tsx'
import { Skeleton } from '../../components/skeleton.tsx'
import { useAuditStates } from '../../data/audit.ts'
import { useFormats } from '../../messages/text.tsx'
import { useAuditText } from '../../components/audit/audit-text.tsx'
import styles from './consents.module.css'

const marks: Readonly<Record<ConsentState['state'], RingState>> = {
  unredeemed: 'waiting',
  active: 'active',
  paused: 'paused',
  'access-lost': 'attention',
  withdrawn: 'withdrawn',
  expired: 'expired',
}

/** How all consents stood at a moment, played from the log. */
export function AuditConsentsPage() {
  const { text, named } = useAuditText()
  const formats = useFormats()
  const { reason, nameOf } = useReview()
  const { filter, asOf } = useFilter()
  const found = useAuditStates(reason, filter, asOf)
  const [first] = found.data?.pages ?? []
  const states = found.data?.pages.flatMap((page) => page.states) ?? []
  return (
    <>
      <PageTitle title={text('audit.consents.title')} />
      <Lead>{text('audit.consents.lead')}</Lead>
      <Section title={text('audit.filter.title')}>
        <Filters shown={['asOf', 'business', 'purpose', 'grant']} />
      </Section>
      <Section title={text('audit.consents.list')}>
        <Stack>
          {found.isPending && <Skeleton lines={6} />}
          {found.isError && <ProblemNote error={found.error} />}
          {first !== undefined && (
            <>
              <Soft>
                {text('audit.consents.as-of', { moment: formats.moment(first.asOf), size: first.size })}
              </Soft>
              <Facts>
                {Object.entries(first.counts).map(([state, count]) => (
                  <Fact key={state} name={named('state', state)}>
                    {count}
                  </Fact>
                ))}
              </Facts>
              {states.length > 0 && (
                <ol className={styles.list}>
                  {states.map(({ grant, vendor, state, since, until, disclosed, items }) => (
                    <li key={grant}>
                      <StateMark state={marks[state]} size={24} />
                      <div className={styles.what}>
                        <p>
                          <Link to={`/audit/grants/${grant}`}>
                            <bdi>{nameOf(vendor)}</bdi>
                          </Link>{' '}
                          {named('state', state)}
                        </p>
                        <Soft>
                          {text('audit.consents.row', {
                            since: formats.shortDay(since),
                            until: formats.shortDay(until),
                            reads: disclosed,
                            fields: new Set(items.flatMap(({ fields }) => fields)).size,
                          })}
                        </Soft>
                      </div>
                    </li>
                  ))}
                </ol>
              )}
              {found.hasNextPage && (
                <div>
                  <Button onPress={() => void found.fetchNextPage()} isPending={found.isFetchingNextPage}>
                    {text('activity.more')}
                  </Button>
                </div>
              )}
            </>
          )}
        </Stack>
      </Section>
    </>
  )
}

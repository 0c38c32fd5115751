import { Link } from 'react-router'
import type { GrantView } from '#schemas/types.gen.ts'
import { LinkButton } from '../components/button.tsx'
import { BusinessMark } from '../components/business.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { fieldsOf, isLive, splitGrants } from '../components/grant-facts.ts'
import { GrantState } from '../components/grant-state.tsx'
import { Lead, PageTitle, Section, Theirs } from '../components/layout.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { WithdrawButton } from '../components/withdraw.tsx'
import { useGrants } from '../data/grants.ts'
import { useFormats, useText } from '../messages/text.tsx'
import styles from './relationships.module.css'

/** Every grant, live and past; each live one can be withdrawn from here. */
export function RelationshipsPage() {
  const { text } = useText()
  const grants = useGrants()
  const { live, past } = splitGrants(grants.data ?? [])
  return (
    <>
      <PageTitle title={text('relationships.title')} />
      <Lead>{text('relationships.lead')}</Lead>
      {grants.isError && <ProblemNote error={grants.error} onRetry={() => void grants.refetch()} />}
      {grants.isPending && <Skeleton lines={4} />}
      {grants.data !== undefined && (
        <Section title={text('relationships.live')}>
          {live.length === 0 ? (
            <EmptyState
              title={text('relationships.empty.title')}
              act={<LinkButton to="/data">{text('home.empty.act')}</LinkButton>}
            >
              {text('relationships.empty.body')}
            </EmptyState>
          ) : (
            <GrantList grants={live} />
          )}
        </Section>
      )}
      {past.length > 0 && (
        <Section title={text('relationships.past')}>
          <GrantList grants={past} />
        </Section>
      )}
    </>
  )
}

function GrantList({ grants }: { grants: readonly GrantView[] }) {
  return (
    <ul className={styles.grants}>
      {grants.map((grant) => (
        <li key={grant.grantId}>
          <GrantCard grant={grant} />
        </li>
      ))}
    </ul>
  )
}

function GrantCard({ grant }: { grant: GrantView }) {
  const { text } = useText()
  const formats = useFormats()
  const live = isLive(grant)
  return (
    <article className={styles.grant} data-live={live} aria-label={grant.vendor.name}>
      <BusinessMark vendor={grant.vendor} />
      <div className={styles.what}>
        <h3>
          <Link to={`/relationships/${encodeURIComponent(grant.grantId)}`}>
            <Theirs>{grant.vendor.name}</Theirs>
          </Link>
        </h3>
        <p>{formats.list(fieldsOf(grant).map(({ title }) => title))}</p>
        <p className={styles.soft}>
          {text(live ? 'grant.until' : 'grant.was-until', { day: formats.shortDay(grant.until) })}
          {' · '}
          {grant.lastRead === undefined
            ? text('grant.never-read')
            : text('grant.reads', { count: grant.reads, moment: formats.moment(grant.lastRead) })}
        </p>
      </div>
      <div className={styles.side}>
        <GrantState grant={grant} />
        {live && <WithdrawButton grant={grant} small />}
        {grant.replacedBy !== undefined && (
          <Link to={`/relationships/${encodeURIComponent(grant.replacedBy)}`}>
            {text('relationship.newer')}
          </Link>
        )}
      </div>
    </article>
  )
}

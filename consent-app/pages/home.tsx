import { useState } from 'react'
import { Link } from 'react-router'
import type { GrantView, OpenRequest } from '#schemas/types.gen.ts'
import { ActivityList } from '../components/activity-list.tsx'
import { LinkButton } from '../components/button.tsx'
import { BusinessMark } from '../components/business.tsx'
import { ConnectPod } from '../components/connect-pod.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { endsSoon, sightOf, visibleFields } from '../components/grant-facts.ts'
import { Lead, PageTitle, Section, Stack, Theirs } from '../components/layout.tsx'
import { ListOfMany } from '../components/list-of-many.tsx'
import { Notice } from '../components/notice.tsx'
import { PasskeyOffer } from '../components/passkey-offer.tsx'
import { PodNotices } from '../components/pod-notices.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { SightTable } from '../components/sight-table.tsx'
import { RemindersToAnswer } from '../components/reminders.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { useActivity } from '../data/activity.ts'
import { useGrants } from '../data/grants.ts'
import { noteVisit } from '../data/last-visit.ts'
import { useMe } from '../data/me.ts'
import { useOpenRequests } from '../data/requests.ts'
import { wayTo } from '../data/ways-back.ts'
import { useFormats, useText } from '../messages/text.tsx'
import styles from './home.module.css'

/** Entries shown at least, and looked at for what is new. */
const [few, many] = [5, 50]

/** Who can see what, what waits for an answer, what needs a look, and what happened last. */
export function HomePage() {
  const me = useMe().data
  return me?.podAccess === 'none' ? (
    <ConnectPod me={me} />
  ) : (
    <Overview name={me?.name} isOpen={me?.podAccess !== 'lost'} />
  )
}

function Overview({ name, isOpen }: { name: string | undefined; isOpen: boolean }) {
  const { text } = useText()
  const me = useMe().data
  const grants = useGrants()
  return (
    <>
      {grants.data === undefined ? (
        <Stack>
          <PageTitle title={text('nav.home')} />
          {grants.isError ? (
            <ProblemNote error={grants.error} onRetry={() => void grants.refetch()} />
          ) : (
            <Skeleton lines={4} />
          )}
        </Stack>
      ) : (
        <Sight grants={grants.data} name={name} isOpen={isOpen} readAt={grants.dataUpdatedAt} />
      )}
      <Section title={text('home.activity')} aside={<Link to="/activity">{text('home.activity.all')}</Link>}>
        {me?.accountId !== undefined && <LatestActivity key={me.accountId} accountId={me.accountId} />}
      </Section>
      {me !== undefined && <PasskeyOffer me={me} />}
    </>
  )
}

function Sight({
  grants,
  name,
  isOpen,
  readAt,
}: {
  grants: readonly GrantView[]
  name: string | undefined
  /** Without access to the pod nothing can be read, whatever is allowed. */
  isOpen: boolean
  readAt: number
}) {
  const { text } = useText()
  const time = useFormats().time(readAt)
  const rows = isOpen ? sightOf(grants) : []
  const title =
    rows.length === 0
      ? text('home.nobody')
      : text('home.sight', { businesses: rows.length, fields: visibleFields(grants) })
  return (
    <>
      <PageTitle title={text('nav.home')}>{title}</PageTitle>
      <Lead>{name === undefined ? text('home.lead', { time }) : text('home.lead.name', { name, time })}</Lead>
      <OpenRequests />
      <PodAttention />
      <Attention grants={grants} />
      <RemindersToAnswer />
      <Section
        title={text('home.who')}
        aside={<Link to="/relationships">{text('home.relationships.all')}</Link>}
      >
        {!isOpen ? (
          <p>{text('home.lost')}</p>
        ) : rows.length === 0 ? (
          <EmptyState
            title={text('home.empty.title')}
            act={<LinkButton to="/data">{text('home.empty.act')}</LinkButton>}
          >
            {text('home.empty.body')}
          </EmptyState>
        ) : (
          <SightTable rows={rows} />
        )}
      </Section>
    </>
  )
}

function OpenRequests() {
  const { text } = useText()
  const requests = useOpenRequests()
  if (requests.data === undefined && requests.isError)
    return <ProblemNote error={requests.error} onRetry={() => void requests.refetch()} />
  if (requests.data === undefined || requests.data.length === 0) return null
  return (
    <Section title={text('home.requests')}>
      <ul className={styles.requests}>
        {requests.data.map((request) => (
          <li key={request.requestId}>
            <RequestCard request={request} />
          </li>
        ))}
      </ul>
    </Section>
  )
}

/** Answered from here, wherever it came from; in the browser that the business sent, on the way that leads back to it. */
function RequestCard({ request }: { request: OpenRequest }) {
  const { text, rich } = useText()
  const formats = useFormats()
  const { vendor, status, channel, receivedAt, expiresAt } = request
  const uid = status === 'open' ? wayTo(request.requestId) : undefined
  return (
    <div className={styles.request}>
      <BusinessMark vendor={vendor} />
      <div>
        <p className={styles.asks}>{rich('home.request', { business: <Theirs>{vendor.name}</Theirs> })}</p>
        <p className={styles.when}>
          {text(status === 'later' ? 'home.request.later' : `home.request.${channel}`, {
            moment: formats.moment(receivedAt),
          })}
        </p>
        <p className={styles.when}>
          {text(vendor.domainProven ? 'home.request.until' : 'home.request.until-unproven', {
            moment: formats.moment(expiresAt),
          })}
        </p>
      </div>
      <LinkButton look="solid" to={uid === undefined ? request.page : `/consent/${encodeURIComponent(uid)}`}>
        {text('home.request.act')}
      </LinkButton>
    </div>
  )
}

/** What the pod itself has to say. */
function PodAttention() {
  const me = useMe().data
  return me === undefined ? null : <PodNotices me={me} />
}

/** What may need a look: an end that is near, a business that was suspended, or late with what it was asked. */
function Attention({ grants }: { grants: readonly GrantView[] }) {
  const { text } = useText()
  const formats = useFormats()
  const suspended = grants.filter((grant) => grant.vendor.suspended && grant.state === 'active')
  const ending = grants.filter((grant) => grant.state === 'active' && endsSoon(grant, Date.parse(grant.asOf)))
  const late = grants.filter(
    ({ acknowledgement }) => acknowledgement?.late === true && acknowledgement.acknowledgedAt === undefined,
  )
  if (suspended.length + ending.length + late.length === 0) return null
  const notice = (kind: 'suspended' | 'late' | 'ending', grant: GrantView, day = '') => (
    <Notice
      key={`${grant.grantId} ${kind}`}
      tone="attention"
      icon={kind === 'suspended' ? 'question' : 'clock'}
    >
      <p>
        {text(`home.${kind}`, { business: grant.vendor.name, day })}{' '}
        <Link to={`/relationships/${encodeURIComponent(grant.grantId)}`}>{text('home.ending.look')}</Link>
      </p>
    </Notice>
  )
  const dueOf = ({ acknowledgement }: GrantView) =>
    acknowledgement?.dueAt ?? acknowledgement?.requestedAt ?? ''
  const notices = [
    ...suspended.map((grant) => notice('suspended', grant)),
    ...late.map((grant) => notice('late', grant, formats.day(dueOf(grant)))),
    ...ending.map((grant) => notice('ending', grant, formats.day(grant.until))),
  ]
  return (
    <Section title={text('home.attention')}>
      <ListOfMany items={notices} first={few} />
    </Section>
  )
}

/** What happened since she was here before; where nothing did, or nobody knows, the latest. */
function LatestActivity({ accountId }: { accountId: string }) {
  const { text } = useText()
  const formats = useFormats()
  const [since] = useState(() => noteVisit(accountId))
  const activity = useActivity(since === undefined ? few : many)
  const items = activity.data?.pages[0]?.items
  if (items === undefined && activity.isError)
    return <ProblemNote error={activity.error} onRetry={() => void activity.refetch()} />
  if (items === undefined) return <Skeleton lines={3} />
  if (items.length === 0) return <p className={styles.when}>{text('activity.empty.body')}</p>
  const fresh = items.filter(({ time }) => since !== undefined && Date.parse(time) > since)
  const reads = fresh.filter(({ type }) => type === 'disclosed').length
  return (
    <Stack>
      {since !== undefined && (
        <p>
          {text(fresh.length === many ? 'home.since.many' : 'home.since', {
            moment: formats.moment(since),
            reads,
            others: fresh.length - reads,
          })}
        </p>
      )}
      <ActivityList items={items.slice(0, Math.max(few, Math.min(fresh.length, 2 * few)))} />
    </Stack>
  )
}

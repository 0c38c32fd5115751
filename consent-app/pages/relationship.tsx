import { Link, useParams } from 'react-router'
import type { GrantView } from '#schemas/types.gen.ts'
import { ActivityList } from '../components/activity-list.tsx'
import { BlockBusiness } from '../components/block.tsx'
import { Button, LinkButton } from '../components/button.tsx'
import { BusinessCard, ContactLink } from '../components/business.tsx'
import { Confirmation } from '../components/confirmation.tsx'
import { EarlierTerms } from '../components/earlier-terms.tsx'
import { howItStands, isLive } from '../components/grant-facts.ts'
import { useGrowing } from '../components/growing-list.ts'
import { GrantState } from '../components/grant-state.tsx'
import {
  Card,
  Fact,
  Facts,
  Lead,
  PageTitle,
  Row,
  Section,
  Soft,
  Stack,
  Theirs,
} from '../components/layout.tsx'
import { Notice } from '../components/notice.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { ReceiptFiles } from '../components/receipt-files.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { WithdrawButton } from '../components/withdraw.tsx'
import { useActivity } from '../data/activity.ts'
import { useChangeGrant, useGrant } from '../data/grants.ts'
import { ProblemError } from '../data/http.ts'
import { useWaitingFor } from '../data/waiting.ts'
import { useMe } from '../data/me.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { NotFoundPage } from './not-found.tsx'
import styles from './relationship.module.css'

/** One grant: what it lets a business read, until when, what was read, and every way to change that. */
export function RelationshipPage() {
  const { text } = useText()
  const { grantId = '' } = useParams()
  const grant = useGrant(grantId)
  if (grant.error instanceof ProblemError && grant.error.code === 'not-found') return <NotFoundPage />
  return (
    <Stack gap="l">
      <Link to="/relationships">{text('relationship.back')}</Link>
      {grant.isError && <ProblemNote error={grant.error} onRetry={() => void grant.refetch()} />}
      {grant.isPending && <Skeleton lines={5} />}
      {grant.data !== undefined && <Relationship grant={grant.data} />}
    </Stack>
  )
}

function Relationship({ grant }: { grant: GrantView }) {
  const { text, rich } = useText()
  const formats = useFormats()
  const isShut = useMe().data?.podAccess === 'lost'
  const { vendor } = grant
  return (
    <div>
      <PageTitle title={vendor.name}>
        <Theirs>{vendor.name}</Theirs>
      </PageTitle>
      <div className={styles.state}>
        <GrantState grant={grant} size={26} />
      </div>
      <Lead>
        {rich(`relationship.lead.${howItStands(grant, isShut)}`, {
          business: vendor.name,
          day: formats.day(grant.endedAt ?? grant.until),
        })}
      </Lead>
      <div className={styles.acts}>
        {grant.replacedBy !== undefined && (
          <div>
            <LinkButton to={`/relationships/${encodeURIComponent(grant.replacedBy)}`}>
              {text('relationship.newer')}
            </LinkButton>
          </div>
        )}
        {vendor.suspended && isLive(grant) && (
          <Notice tone="attention">
            <p>{text('home.suspended', { business: vendor.name })}</p>
          </Notice>
        )}
        {isLive(grant) ? <Acts grant={grant} /> : <Copies grant={grant} />}
        {!isLive(grant) && grant.reads > 0 && <Confirmation grant={grant} />}
      </div>
      <Section title={text('relationship.what')}>
        <Card>
          <Facts>
            {grant.items.map((item) => (
              <Fact key={item.id} name={item.purposeTitle}>
                {formats.list(item.fields.map(({ title }) => title))}
              </Fact>
            ))}
            <Fact name={text('relationship.since')}>{formats.moment(grant.validFrom)}</Fact>
            {grant.termsFrom !== undefined && (
              <Fact name={text('relationship.terms-from')}>{formats.moment(grant.termsFrom)}</Fact>
            )}
            <Fact name={text('relationship.until')}>{formats.moment(grant.until)}</Fact>
            <Fact name={text('relationship.reads')}>
              {grant.lastRead === undefined
                ? text('grant.never-read')
                : text('grant.reads', { count: grant.reads, moment: formats.moment(grant.lastRead) })}
              {grant.readsAllowed !== undefined && (
                <>
                  {' · '}
                  {text('relationship.reads-left', {
                    count: Math.max(0, grant.readsAllowed - grant.reads),
                    all: grant.readsAllowed,
                  })}
                </>
              )}
            </Fact>
          </Facts>
        </Card>
      </Section>
      {grant.earlier !== undefined && grant.earlier.length > 0 && (
        <Section title={text('relationship.earlier')}>
          <Card>
            <EarlierTerms earlier={grant.earlier} />
          </Card>
        </Section>
      )}
      <Section title={text('relationship.business')}>
        <Card>
          <Stack>
            <BusinessCard vendor={vendor} />
            <BlockBusiness vendor={vendor} />
          </Stack>
        </Card>
      </Section>
      <Section title={text('receipt.title')}>
        <Card>
          <Stack gap="s">
            <p>{text('receipt.explain')}</p>
            <ReceiptFiles receiptId={grant.receiptId} />
          </Stack>
        </Card>
      </Section>
      <Section title={text('relationship.activity')}>
        <GrantActivity grantId={grant.grantId} vendorId={vendor.vendorId} />
      </Section>
    </div>
  )
}

/** Pausing and resuming count at once and can be turned back; withdrawing shows first what it does. */
function Acts({ grant }: { grant: GrantView }) {
  const { text } = useText()
  const pause = useChangeGrant(grant, 'pause')
  const resume = useChangeGrant(grant, 'resume')
  const isPaused = grant.state === 'paused'
  const act = isPaused ? resume : pause
  if (useWaitingFor(grant.grantId) !== undefined) return <Soft>{text('waiting.here')}</Soft>
  return (
    <Stack gap="s">
      <div className={styles.ways}>
        <Button onPress={() => act.mutate({})} isPending={act.isPending}>
          {text(isPaused ? 'relationship.resume' : 'relationship.pause')}
        </Button>
        <LinkButton to={`/relationships/${encodeURIComponent(grant.grantId)}/change`}>
          {text('relationship.change')}
        </LinkButton>
        <WithdrawButton grant={grant} />
      </div>
      <Soft>{text('relationship.change.explain')}</Soft>
      <Soft>{text(isPaused ? 'relationship.resume.explain' : 'relationship.pause.explain')}</Soft>
      {act.isError && <ProblemNote error={act.error} />}
    </Stack>
  )
}

/** After the end: what it did not do. */
function Copies({ grant }: { grant: GrantView }) {
  const { rich } = useText()
  const { name, contact } = grant.vendor
  const said = grant.replacedBy === undefined ? 'withdraw.copies' : 'relationship.copies.replaced'
  return (
    <Notice>
      <p>
        {rich(said, { business: <Theirs>{name}</Theirs> })}{' '}
        {contact !== undefined && rich('withdraw.contact', { contact: <ContactLink contact={contact} /> })}
      </p>
    </Notice>
  )
}

function GrantActivity({ grantId, vendorId }: { grantId: string; vendorId: string }) {
  const { text } = useText()
  const activity = useActivity(20, { grantId })
  const items = activity.data?.pages.flatMap((page) => page.items)
  const { list, grow } = useGrowing<HTMLDivElement>('ol > li')
  return (
    <Stack>
      {items === undefined && !activity.isError && <Skeleton lines={3} />}
      {items?.length === 0 && <Soft>{text('relationship.activity.none')}</Soft>}
      {items !== undefined && items.length > 0 && (
        <div ref={list}>
          <ActivityList items={items} />
        </div>
      )}
      {activity.isError && (
        <ProblemNote error={activity.error} onRetry={() => void activity.fetchNextPage()} />
      )}
      {activity.hasNextPage && (
        <div>
          <Button
            onPress={() => {
              grow()
              void activity.fetchNextPage()
            }}
            isPending={activity.isFetchingNextPage}
          >
            {text('activity.more')}
          </Button>
        </div>
      )}
      <Row>
        <Link to={`/activity?business=${encodeURIComponent(vendorId)}&kind=reads`}>
          {text('relationship.activity.reads')}
        </Link>
        <Link to={`/activity?business=${encodeURIComponent(vendorId)}`}>
          {text('relationship.activity.business')}
        </Link>
      </Row>
    </Stack>
  )
}

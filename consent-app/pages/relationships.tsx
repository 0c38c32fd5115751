import { useState } from 'react'
import { Link, useLocation, useNavigate } from 'react-router'
import type { GrantView } from '#schemas/types.gen.ts'
import { LinkButton } from '../components/button.tsx'
import { BusinessMark } from '../components/business.tsx'
import { TextField } from '../components/controls.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { fieldsOf, isLive, splitGrants } from '../components/grant-facts.ts'
import { GrantState } from '../components/grant-state.tsx'
import { Lead, PageTitle, Section, Soft, Theirs } from '../components/layout.tsx'
import { ListOfMany } from '../components/list-of-many.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { WithdrawButton } from '../components/withdraw.tsx'
import { useGrants } from '../data/grants.ts'
import { useFormats, useText } from '../messages/text.tsx'
import styles from './relationships.module.css'

/** From so many on there is something to look for. */
const many = 13
/** Listed at first. */
const some = 50

/** Every grant, live and past; each live one can be withdrawn from here. */
export function RelationshipsPage() {
  const { text } = useText()
  const grants = useGrants()
  const [words, setWords] = useWords()
  const found = (grants.data ?? []).filter(({ vendor }) => isNamed(vendor.name, words))
  const { live, past } = splitGrants(found)
  const isNarrowed = words.trim() !== ''
  return (
    <>
      <PageTitle title={text('relationships.title')} />
      <Lead>{text('relationships.lead')}</Lead>
      {grants.isError && <ProblemNote error={grants.error} onRetry={() => void grants.refetch()} />}
      {grants.isPending && <Skeleton lines={4} />}
      {grants.data !== undefined && (grants.data.length >= many || isNarrowed) && (
        <search className={styles.search}>
          <TextField label={text('relationships.search')} value={words} onChange={setWords} maxLength={100} />
          <div role="status">
            {isNarrowed && <Soft>{text('relationships.found', { count: found.length })}</Soft>}
          </div>
        </search>
      )}
      {grants.data !== undefined && (live.length > 0 || !isNarrowed) && (
        <Section title={text('relationships.live')}>
          {live.length === 0 ? (
            <EmptyState
              title={text('relationships.empty.title')}
              act={<LinkButton to="/data">{text('home.empty.act')}</LinkButton>}
            >
              {text('relationships.empty.body')}
            </EmptyState>
          ) : (
            <GrantList key={words} grants={live} />
          )}
        </Section>
      )}
      {past.length > 0 && (
        <Section title={text('relationships.past')}>
          <GrantList key={words} grants={past} />
        </Section>
      )}
    </>
  )
}

/** What is looked for: kept where Back finds it again, and out of the address, which would tell with whom she deals. */
function useWords(): [string, (words: string) => void] {
  const { state } = useLocation() as { state: { words?: string } | null }
  const navigate = useNavigate()
  const [words, setWords] = useState(state?.words ?? '')
  return [
    words,
    (next) => {
      setWords(next)
      void navigate('.', { replace: true, state: { words: next } })
    },
  ]
}

function isNamed(name: string, words: string): boolean {
  return name.toLocaleLowerCase().includes(words.trim().toLocaleLowerCase())
}

function GrantList({ grants }: { grants: readonly GrantView[] }) {
  const cards = grants.map((grant) => <GrantCard key={grant.grantId} grant={grant} />)
  return <ListOfMany items={cards} first={some} />
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

import { useRef, useState } from 'react'
import { Link, useNavigate, useParams } from 'react-router'
import type { GrantTerms } from '#schemas/types.gen.ts'
import { allowedNow, changeFrom, differenceOf, readsLeft } from '../components/change-choice.ts'
import type { Chosen, Difference } from '../components/change-choice.ts'
import { Button } from '../components/button.tsx'
import { Confirm } from '../components/confirm.tsx'
import { Decision } from '../components/decision.tsx'
import { ExactReply } from '../components/exact-reply.tsx'
import { isLive } from '../components/grant-facts.ts'
import { Lead, PageTitle, Stack, Theirs } from '../components/layout.tsx'
import { Notice } from '../components/notice.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { ReadsChoice } from '../components/reads-choice.tsx'
import { chosenFields, withTick } from '../components/request-choice.ts'
import styles from '../components/request-decision.module.css'
import { RequestItem } from '../components/request-item.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { UntilChoice } from '../components/until-choice.tsx'
import { useChangeTerms, useTerms } from '../data/grants.ts'
import { ProblemError } from '../data/http.ts'
import { useLanguage } from '../messages/language.tsx'
import { useFormats, useText } from '../messages/text.tsx'
import { NotFoundPage } from './not-found.tsx'

/** A live permission under other terms: less of it at once, more of it after one more look. */
export function ChangePage() {
  const { text } = useText()
  const { grantId = '' } = useParams()
  const terms = useTerms(grantId)
  if (terms.error instanceof ProblemError && terms.error.code === 'not-found') return <NotFoundPage />
  return (
    <Stack gap="l">
      <Link to={`/relationships/${encodeURIComponent(grantId)}`}>{text('change.back')}</Link>
      {terms.isError && <ProblemNote error={terms.error} onRetry={() => void terms.refetch()} />}
      {terms.isPending && <Skeleton lines={5} />}
      {terms.data !== undefined &&
        (isLive(terms.data.grant) ? (
          <Change terms={terms.data} onShowAgain={() => void terms.refetch()} key={terms.data.asOf} />
        ) : (
          <Notice tone="attention">
            <p>{text('change.ended')}</p>
          </Notice>
        ))}
    </Stack>
  )
}

function Change({ terms, onShowAgain }: { terms: GrantTerms; onShowAgain: () => void }) {
  const { text, rich } = useText()
  const navigate = useNavigate()
  const { language } = useLanguage()
  const { grant, items, asOf, latestUntil } = terms
  const left = readsLeft(grant)
  const [ticks, setTicks] = useState(allowedNow(terms))
  const [until, setUntil] = useState<string | undefined>(grant.until)
  const [reads, setReads] = useState(left === undefined ? undefined : Math.max(1, left))
  const [isConfirming, setConfirming] = useState(false)
  const [missing, setMissing] = useState<string>()
  const hint = useRef<HTMLDivElement>(null)
  const change = useChangeTerms(grant.grantId)

  const back = () => void navigate(`/relationships/${encodeURIComponent(grant.grantId)}`)
  const chosen = { ticks, until: until ?? grant.until, reads }
  const difference = differenceOf(terms, chosen)
  const fields = chosenFields(
    items.map((item) => ({ ...item, required: false })),
    ticks,
  )
  const hindrance =
    ticks.size === 0
      ? text('change.empty')
      : until === undefined
        ? text('request.hint.no-end')
        : Number.isNaN(reads)
          ? text('reads.wrong')
          : !difference.any
            ? text('change.nothing')
            : difference.widens && terms.valuesUnavailable !== undefined
              ? text('request.hint.unavailable')
              : undefined
  const send = () => {
    if (!change.isPending) change.mutate({ ...changeFrom(terms, chosen), language }, { onSuccess: back })
  }
  const save = () => {
    setMissing(hindrance)
    if (hindrance !== undefined) requestAnimationFrame(() => hint.current?.focus())
    else if (difference.widens) setConfirming(true)
    else send()
  }
  const problem = change.isError && (
    <>
      <ProblemNote error={change.error} />
      {isStale(change.error) && <Button onPress={onShowAgain}>{text('change.show-again')}</Button>}
    </>
  )

  return (
    <div className={styles.page}>
      <div className={styles.content}>
        <div>
          <PageTitle title={text('change.title', { business: grant.vendor.name })}>
            {rich('change.title', { business: <Theirs>{grant.vendor.name}</Theirs> })}
          </PageTitle>
          <Lead>{text('change.lead')}</Lead>
        </div>
        {terms.valuesUnavailable !== undefined && (
          <Notice tone="attention" title={text('request.unavailable')}>
            <p>{text(`problem.${terms.valuesUnavailable}`)}</p>
          </Notice>
        )}
        {items.map((item) => (
          <Stack key={item.id} gap="s">
            <RequestItem
              item={{ ...item, required: false }}
              business={grant.vendor.name}
              ticks={ticks}
              onTick={(tick, on) => setTicks((current) => withTick(current, tick, on))}
            />
            {item.required && <p className={styles.explain}>{text('change.needed')}</p>}
          </Stack>
        ))}
      </div>
      <section className={styles.panel} aria-label={text('change.panel')}>
        <h2>{text('change.panel')}</h2>
        <UntilChoice
          request={{ asOf, until: latestUntil, latestUntil, suggestedUntil: grant.until }}
          first="current"
          onChange={setUntil}
        />
        <ReadsChoice chosen={left === undefined ? undefined : Math.max(1, left)} onChange={setReads} />
        <div className={styles.sentence} aria-live="polite">
          <Differences difference={difference} chosen={chosen} />
        </div>
        <div ref={hint} tabIndex={-1} className={styles.hint}>
          {missing !== undefined && hindrance !== undefined && <Notice tone="attention">{missing}</Notice>}
        </div>
        {!isConfirming && problem}
        <Decision
          first={{ label: text('change.save'), onChoose: save, isPending: change.isPending }}
          second={{ label: text('change.keep'), onChoose: back }}
        />
      </section>
      <Confirm
        isOpen={isConfirming}
        title={text('change.confirm')}
        yes={text('change.confirm.yes')}
        no={text('change.confirm.no')}
        isPending={change.isPending}
        onYes={send}
        onNo={() => setConfirming(false)}
      >
        <Differences difference={difference} chosen={chosen} />
        <ExactReply fields={fields} business={grant.vendor.name} />
        {problem}
      </Confirm>
    </div>
  )
}

/** The page shows terms that are others by now. */
function isStale(error: unknown): boolean {
  return error instanceof ProblemError && error.code === 'conflict'
}

/** What would be different, one line each, made from what would be enforced. */
function Differences({ difference, chosen }: { difference: Difference; chosen: Chosen }) {
  const { text, rich } = useText()
  const formats = useFormats()
  const { added, removed, until, reads, any } = difference
  if (!any) return <p>{text('change.nothing')}</p>
  return (
    <ul>
      {removed.length > 0 && <li>{rich('change.removed', { fields: formats.list(removed) })}</li>}
      {added.length > 0 && <li>{rich('change.added', { fields: formats.list(added) })}</li>}
      {until && <li>{rich('change.until', { day: formats.day(chosen.until) })}</li>}
      {reads && !Number.isNaN(chosen.reads) && (
        <li>
          {chosen.reads === undefined
            ? text('change.reads.unlimited')
            : rich('change.reads', { count: chosen.reads })}
        </li>
      )}
    </ul>
  )
}

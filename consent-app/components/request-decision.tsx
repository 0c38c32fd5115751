import { useRef, useState } from 'react'
import type { Decision as Answer, RequestView } from '#schemas/types.gen.ts'
import { ProblemError } from '../data/http.ts'
import { useLanguage } from '../messages/language.tsx'
import { useFormats, useText } from '../messages/text.tsx'
import { AmendmentNote } from './amendment-note.tsx'
import { Button } from './button.tsx'
import { BusinessCard } from './business.tsx'
import { Confirm } from './confirm.tsx'
import { Decision } from './decision.tsx'
import { ExactReply } from './exact-reply.tsx'
import { PageTitle, Theirs } from './layout.tsx'
import { MatchingCode, needsCode } from './matching-code.tsx'
import { Notice } from './notice.tsx'
import { ProblemNote } from './problem-note.tsx'
import { ReadsChoice } from './reads-choice.tsx'
import { chosenFields, decidedItems, withTick } from './request-choice.ts'
import type { Ticks } from './request-choice.ts'
import { RequestConditions } from './request-conditions.tsx'
import styles from './request-decision.module.css'
import { RequestItem } from './request-item.tsx'
import { RequestSummary, ScopeSentence } from './request-summary.tsx'
import { UntilChoice } from './until-choice.tsx'
import { WaitsNote } from './waiting-acts.tsx'

/**
 * The decision page: who asks, what for, the exact values, on what conditions, until when; then the answers. Allow
 * shows once more what it would do before it counts; Deny and Decide later count at once.
 */
export function RequestDecision({
  request,
  isSending,
  error,
  onDecide,
  onShowAgain,
}: {
  request: RequestView
  isSending: Answer['decision'] | undefined
  error: unknown
  onDecide: (answer: Answer) => void
  onShowAgain: () => void
}) {
  const { text, rich } = useText()
  const formats = useFormats()
  const { language } = useLanguage()
  const [ticks, setTicks] = useState<Ticks>(new Set())
  const [until, setUntil] = useState<string | undefined>(request.suggestedUntil)
  const [reads, setReads] = useState<number>()
  const [isMatching, setMatching] = useState(false)
  const [isConfirming, setConfirming] = useState(false)
  const [missing, setMissing] = useState<string>()
  const hint = useRef<HTMLDivElement>(null)
  const panel = useRef<HTMLElement>(null)

  const business = request.vendor.name
  const fields = chosenFields(request.items, ticks)
  const required = request.items.filter((item) => item.required)
  const optional = request.items.filter((item) => !item.required)
  const send = (decision: Answer['decision'], more: Partial<Answer> = {}) =>
    onDecide({
      accountId: request.accountId,
      requestHash: request.requestHash,
      decision,
      language,
      ...more,
    })

  /** What keeps an Allow from being one; the button itself never looks weaker for it. */
  const hindrance =
    request.valuesUnavailable !== undefined
      ? text('request.hint.unavailable')
      : fields.length === 0
        ? text('request.hint.nothing')
        : until === undefined
          ? text('request.hint.no-end')
          : Number.isNaN(reads)
            ? text('reads.wrong')
            : needsCode(request) && !isMatching
              ? text('code.missing')
              : undefined
  const allow = () => {
    setMissing(hindrance)
    if (hindrance === undefined) setConfirming(true)
    else requestAnimationFrame(() => hint.current?.focus())
  }

  const problem = error !== null && error !== undefined && (
    <>
      <ProblemNote error={error} />
      {isStale(error) && <Button onPress={onShowAgain}>{text('request.show-again')}</Button>}
    </>
  )

  return (
    <div className={styles.page}>
      <div className={styles.content}>
        <PageTitle title={text('request.title.plain', { business })}>
          {rich('request.title', { business: <Theirs>{business}</Theirs> })}
        </PageTitle>
        <BusinessCard vendor={request.vendor} />
        <p className={styles.assurance}>{text('request.no-password')}</p>
        <div className={styles.jump}>
          <Button small onPress={() => panel.current?.focus()}>
            {text('request.jump')}
          </Button>
        </div>
        {request.vendor.suspended && (
          <Notice tone="stop" title={text('business.suspended.title')}>
            <p>{text('business.suspended.body')}</p>
          </Notice>
        )}
        {request.valuesUnavailable !== undefined && (
          <Notice
            tone="attention"
            title={text('request.unavailable')}
            actions={
              <Button small onPress={onShowAgain}>
                {text('action.retry')}
              </Button>
            }
          >
            <p>{text(`problem.${request.valuesUnavailable}`)}</p>
          </Notice>
        )}
        <MatchingCode request={request} onMatch={setMatching} />
        <AmendmentNote request={request} />
        {required.length > 0 && (
          <Items title={text('request.required')} explain={text('request.required.explain')}>
            {required.map((item) => (
              <RequestItem
                key={item.id}
                item={item}
                business={business}
                amends={request.amends}
                ticks={ticks}
                onTick={tick}
              />
            ))}
          </Items>
        )}
        {optional.length > 0 && (
          <Items title={text('request.optional')} explain={text('request.optional.explain')}>
            {optional.map((item) => (
              <RequestItem
                key={item.id}
                item={item}
                business={business}
                amends={request.amends}
                ticks={ticks}
                onTick={tick}
              />
            ))}
          </Items>
        )}
        <RequestConditions request={request} />
        <p className={styles.asOf}>{text('request.as-of', { moment: formats.moment(request.asOf) })}</p>
      </div>

      <section ref={panel} tabIndex={-1} className={styles.panel} aria-label={text('decision.title')}>
        <h2>{text('decision.title')}</h2>
        <UntilChoice request={request} onChange={setUntil} />
        <ReadsChoice onChange={setReads} />
        <div className={styles.sentence} aria-live="polite">
          <ScopeSentence business={business} fields={fields} until={until} reads={reads} />
        </div>
        {fields.length > 0 && request.valuesUnavailable === undefined && (
          <ExactReply fields={fields} business={business} />
        )}
        <div ref={hint} tabIndex={-1} className={styles.hint}>
          {missing !== undefined && hindrance !== undefined && <Notice tone="attention">{missing}</Notice>}
        </div>
        {!isConfirming && problem}
        <WaitsNote />
        <Decision
          first={{ label: text('decision.allow'), onChoose: allow, isPending: isSending === 'allow' }}
          second={{
            label: text('decision.deny'),
            onChoose: () => send('deny'),
            isPending: isSending === 'deny',
          }}
          beside={{
            label: text('decision.later'),
            onChoose: () => send('later'),
            isPending: isSending === 'later',
          }}
        />
      </section>

      <Confirm
        isOpen={isConfirming && until !== undefined}
        title={text('confirm.title')}
        yes={text('confirm.yes')}
        no={text('confirm.no')}
        isPending={isSending === 'allow'}
        onYes={() =>
          send('allow', {
            items: decidedItems(request.items, ticks),
            amends: request.amends?.grants ?? [],
            ...(until && { until }),
            ...(reads && { reads }),
            ...(needsCode(request) && { matchingCode: request.matchingCode ?? '' }),
          })
        }
        onNo={() => setConfirming(false)}
      >
        {until !== undefined && (
          <RequestSummary request={request} fields={fields} until={until} reads={reads} />
        )}
        {problem}
      </Confirm>
    </div>
  )

  function tick(name: string, on: boolean) {
    setTicks((current) => withTick(current, name, on))
  }
}

function Items({ title, explain, children }: { title: string; explain: string; children: React.ReactNode }) {
  return (
    <section className={styles.items}>
      <div>
        <h2>{title}</h2>
        <p className={styles.explain}>{explain}</p>
      </div>
      {children}
    </section>
  )
}

/** The page shows something the vault no longer holds. */
function isStale(error: unknown): boolean {
  return (
    error instanceof ProblemError &&
    ['request-changed', 'request-decided', 'request-expired', 'conflict'].includes(error.code)
  )
}

import { Suspense, createContext, useContext, useState } from 'react'
import type { MouseEvent } from 'react'
import { Link, NavLink, Outlet } from 'react-router'
import type { AuditorView } from '#schemas/types.gen.ts'
import { keepReason, keptReason, useAuditor, useCloseAccount } from '../../data/audit.ts'
import { ProblemError } from '../../data/http.ts'
import { useFormats } from '../../messages/text.tsx'
import { AuditText, type AuditMessageId, useAuditText } from './audit-text.tsx'
import styles from '../app-shell.module.css'
import { Bare } from '../bare.tsx'
import { Button } from '../button.tsx'
import { classNames } from '../class-names.ts'
import { ErrorBoundary } from '../error-boundary.tsx'
import { Icon } from '../icons.tsx'
import type { IconName } from '../icons.tsx'
import { LanguageChoice } from '../language-choice.tsx'
import { Soft } from '../layout.tsx'
import { ProblemNote } from '../problem-note.tsx'
import { PageSkeleton } from '../skeleton.tsx'
import { Wordmark } from '../wordmark.tsx'
import own from './audit-shell.module.css'
import { AuditSignIn } from './audit-sign-in.tsx'
import { AskReason } from './ask-reason.tsx'

interface Looking {
  readonly auditor: AuditorView
  readonly reason: string
  /** Name of a business; its id where nobody told us one. */
  nameOf(vendorId: string): string
}

const ReviewContext = createContext<Looking | undefined>(undefined)

/** Who looks and why. Only below `AuditShell`. */
export function useReview(): Looking {
  const review = useContext(ReviewContext)
  if (review === undefined) throw new Error('a page of the review stands outside of it')
  return review
}

const places: readonly { to: string; label: AuditMessageId; icon: IconName }[] = [
  { to: '/audit', label: 'audit.nav.entries', icon: 'activity' },
  { to: '/audit/consents', label: 'audit.nav.consents', icon: 'people' },
  { to: '/audit/overview', label: 'audit.nav.overview', icon: 'data' },
]

/** The frame of the auditor's pages: nothing is looked at before it is known who looks, and why. */
export function AuditShell() {
  return (
    <AuditText>
      <Review />
    </AuditText>
  )
}

function Review() {
  const auditor = useAuditor()
  if (auditor.data !== undefined) return <Frame auditor={auditor.data} />
  if (auditor.isPending) return <PageSkeleton />
  const isStranger = auditor.error instanceof ProblemError && auditor.error.status === 401
  return (
    <Bare>
      {isStranger ? (
        <AuditSignIn />
      ) : (
        <ProblemNote error={auditor.error} onRetry={() => void auditor.refetch()} />
      )}
    </Bare>
  )
}

function Frame({ auditor }: { auditor: AuditorView }) {
  const { text } = useAuditText()
  const [reason, setReason] = useState(keptReason)
  const begin = (given: string) => {
    keepReason(given)
    setReason(given)
  }
  const names = new Map(auditor.businesses.map(({ vendorId, name }) => [vendorId, name]))
  const review = { auditor, reason, nameOf: (vendorId: string) => names.get(vendorId) ?? vendorId }
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main" onClick={skip}>
        {text('nav.skip')}
      </a>
      <header className={styles.head}>
        <Link to="/audit" className={styles.brand} aria-label={text('audit.nav.brand')}>
          <Wordmark />
        </Link>
        <p className={styles.account}>
          <bdi>{auditor.name}</bdi>
        </p>
      </header>
      <nav className={classNames(styles.nav, own.nav)} aria-label={text('audit.nav.label')}>
        <ul>
          {places.map(({ to, label, icon }) => (
            <li key={to}>
              <NavLink to={to} end className={classNames(styles.place)}>
                <span className={styles.placeIcon}>
                  <Icon name={icon} size={22} />
                </span>
                <span>{text(label)}</span>
              </NavLink>
            </li>
          ))}
        </ul>
      </nav>
      <main id="main" className={styles.main} tabIndex={-1}>
        <div className={own.languages}>
          <LanguageChoice />
        </div>
        <ReviewContext value={review}>
          {reason === '' ? (
            <AskReason onGiven={begin} />
          ) : (
            <>
              <WhyBar reason={reason} auditor={auditor} onChange={() => begin('')} />
              <ErrorBoundary>
                <Suspense fallback={<PageSkeleton />}>
                  <Outlet />
                </Suspense>
              </ErrorBoundary>
            </>
          )}
        </ReviewContext>
      </main>
    </div>
  )
}

/** By hand, since `<base>` would make the fragment lead to another page. */
function skip(event: MouseEvent) {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

/** Why one looks, how far one may, and the way out: always in sight. */
function WhyBar({
  reason,
  auditor,
  onChange,
}: {
  reason: string
  auditor: AuditorView
  onChange: () => void
}) {
  const { text } = useAuditText()
  const formats = useFormats()
  const close = useCloseAccount()
  return (
    <div className={own.why}>
      <div className={own.words}>
        <p>
          {text('audit.why.because')} <bdi>{reason}</bdi>
        </p>
        <Soft>
          {text(auditor.whole ? 'audit.why.whole' : 'audit.why.part', {
            day: formats.shortDay(auditor.expiresAt),
          })}
        </Soft>
      </div>
      <div className={own.acts}>
        <Button small look="quiet" onPress={onChange}>
          {text('audit.why.change')}
        </Button>
        <Button small look="quiet" isPending={close.isPending} onPress={() => close.mutate()}>
          {text('audit.why.sign-out')}
        </Button>
      </div>
    </div>
  )
}

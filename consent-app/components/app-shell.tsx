import { Suspense, useEffect, useState } from 'react'
import type { MouseEvent } from 'react'
import { Link, NavLink, Outlet, useLocation } from 'react-router'
import { useMe } from '../data/me.ts'
import { useOpenRequests } from '../data/requests.ts'
import { useUnsaved } from '../data/unsaved.ts'
import type { MessageId } from '../messages/locale.ts'
import { useText } from '../messages/text.tsx'
import styles from './app-shell.module.css'
import { LinkButton } from './button.tsx'
import { classNames } from './class-names.ts'
import { ErrorBoundary } from './error-boundary.tsx'
import { Icon } from './icons.tsx'
import type { IconName } from './icons.tsx'
import { VisuallyHidden } from './layout.tsx'
import { Notice } from './notice.tsx'
import { shortWebId } from './short-web-id.ts'
import { PageSkeleton } from './skeleton.tsx'
import { Wordmark } from './wordmark.tsx'

const places: readonly { to: string; label: MessageId; icon: IconName }[] = [
  { to: '/', label: 'nav.home', icon: 'home' },
  { to: '/data', label: 'nav.data', icon: 'data' },
  { to: '/relationships', label: 'nav.relationships', icon: 'people' },
  { to: '/activity', label: 'nav.activity', icon: 'activity' },
  { to: '/settings', label: 'nav.settings', icon: 'settings' },
]

/** The frame of the signed-in pages: places at the side, or at the bottom of a phone within reach of the thumb. */
export function AppShell() {
  const { text } = useText()
  const me = useMe().data
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main" onClick={skip}>
        {text('nav.skip')}
      </a>
      <header className={styles.head}>
        <Link to="/" className={styles.brand} aria-label={text('nav.brand')}>
          <Wordmark />
        </Link>
        <Account />
      </header>
      <nav className={styles.nav} aria-label={text('nav.label')}>
        <ul>
          {places.map(({ to, label, icon }) => (
            <li key={to}>
              <NavLink to={to} end={to === '/'} className={classNames(styles.place)}>
                <span className={styles.placeIcon}>
                  <Icon name={icon} size={22} />
                </span>
                <span>{text(label)}</span>
                {to === '/' && <WaitingRequests />}
              </NavLink>
            </li>
          ))}
        </ul>
      </nav>
      <main id="main" className={styles.main} tabIndex={-1}>
        {me?.podAccess === 'lost' && <AccessLost />}
        <UnsavedElsewhere />
        <ErrorBoundary>
          <Suspense fallback={<PageSkeleton />}>
            <Outlet />
          </Suspense>
        </ErrorBoundary>
      </main>
    </div>
  )
}

/** By hand, since `<base>` would make the fragment lead to another page. */
function skip(event: MouseEvent) {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

/** Who is signed in; the name is the pod's and may be missing. */
function Account() {
  const { text } = useText()
  const me = useMe().data
  const name = me?.name ?? (me?.webId && shortWebId(me.webId))
  if (name === undefined) return null
  return (
    <p className={styles.account} title={me?.webId}>
      <VisuallyHidden>{text('nav.signed-in-as')}</VisuallyHidden>
      <bdi>{name}</bdi>
    </p>
  )
}

function WaitingRequests() {
  const { text } = useText()
  const waiting = useOpenRequests().data?.filter(({ status }) => status === 'open').length ?? 0
  if (waiting === 0) return null
  return (
    <span className={styles.badge}>
      <span aria-hidden="true">{waiting}</span>
      <VisuallyHidden>{text('nav.waiting', { count: waiting })}</VisuallyHidden>
    </span>
  )
}

/** What was typed under My data and is not saved yet is not forgotten on another page. */
function UnsavedElsewhere() {
  const { text } = useText()
  const isUnsaved = useUnsaved()
  const [isLasting, setLasting] = useState(false)
  const { pathname } = useLocation()
  // What is only on its way needs no word.
  useEffect(() => {
    if (!isUnsaved) return
    const lasting = setTimeout(() => setLasting(true), 2_000)
    return () => {
      clearTimeout(lasting)
      setLasting(false)
    }
  }, [isUnsaved])
  if (!isLasting || pathname === '/data') return null
  return (
    <div className={styles.banner}>
      <Notice
        tone="attention"
        announce
        actions={
          <LinkButton small to="/data">
            {text('unsaved.elsewhere.act')}
          </LinkButton>
        }
      >
        <p>{text('unsaved.elsewhere')}</p>
      </Notice>
    </div>
  )
}

function AccessLost() {
  const { text } = useText()
  return (
    <div className={styles.banner}>
      <Notice
        tone="attention"
        title={text('pod.lost.title')}
        actions={
          <LinkButton small to="/settings">
            {text('pod.lost.act')}
          </LinkButton>
        }
      >
        <p>{text('pod.lost.body')}</p>
      </Notice>
    </div>
  )
}

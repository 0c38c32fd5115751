import { useLocation } from 'react-router'
import type { Me } from '#schemas/types.gen.ts'
import { Bare } from '../components/bare.tsx'
import { Button } from '../components/button.tsx'
import { CreateVaultForm } from '../components/create-vault-form.tsx'
import { Card, PageTitle } from '../components/layout.tsx'
import { LitExample } from '../components/lit-example.tsx'
import { StateMark } from '../components/mark.tsx'
import { Notice } from '../components/notice.tsx'
import { PasskeySignIn } from '../components/passkey-sign-in.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { SignInForm } from '../components/sign-in-form.tsx'
import { useStartTour } from '../data/me.ts'
import { passkeyHere } from '../data/passkeys.ts'
import { rememberedIssuer } from '../data/remembered-issuer.ts'
import type { MessageId } from '../messages/locale.ts'
import { useText } from '../messages/text.tsx'
import styles from './welcome.module.css'

const promises: readonly MessageId[] = [
  'welcome.promise.see',
  'welcome.promise.stop',
  'welcome.promise.proof',
]

/** Shown at whatever address a signed-out visitor came to; signing in leads back there. */
export function WelcomePage({ me }: { me: Me }) {
  const { text } = useText()
  const { pathname, search } = useLocation()
  const isRequest = pathname.startsWith('/consent/') || pathname === '/link'
  const title = text(isRequest ? 'welcome.request.title' : 'welcome.title')
  const knowsPod = rememberedIssuer() !== ''
  const knowsPasskey = passkeyHere() === 'used'
  // Of the ways in, the likeliest comes first, and it alone is filled.
  const isSignInFirst = knowsPod || knowsPasskey || isRequest || me.embeddedPods !== true
  const create = me.embeddedPods === true && (
    <Card key="create">
      <h2>{text('create.title')}</h2>
      <p className={styles.explain}>{text('create.pod')}</p>
      {me.podsReady === false ? <PodsStarting /> : <CreateVaultForm isFirst={!isSignInFirst} />}
    </Card>
  )
  const signIn = (
    <Card key="sign-in">
      <h2>{text('sign-in.title')}</h2>
      <p className={styles.explain}>{text('sign-in.explain')}</p>
      <SignInForm returnTo={`${pathname}${search}`} isFirst={!knowsPasskey && isSignInFirst} />
    </Card>
  )
  const passkey = <PasskeySignIn key="passkey" isFirst={knowsPasskey} />
  return (
    <Bare wide>
      <div className={styles.welcome}>
        <div className={styles.statement}>
          <PageTitle title={title}>
            {/* A sentence goes to the next line before it is broken. */}
            {title.split(/(?<=[.؟])\s/).map((sentence) => (
              <span key={sentence} className={styles.whole}>
                {sentence}{' '}
              </span>
            ))}
          </PageTitle>
          <p className={styles.sentence}>{text(isRequest ? 'welcome.request.body' : 'welcome.body')}</p>
          {!isRequest && <LitExample />}
        </div>
        <div className={styles.ways}>
          {knowsPasskey && passkey}
          {isSignInFirst ? [signIn, create] : [create, signIn]}
          {!knowsPasskey && passkey}
        </div>
        <div className={styles.more}>
          <ul className={styles.promises}>
            {promises.map((promise) => (
              <li key={promise}>
                <StateMark state="active" size={22} />
                <span>{text(promise)}</span>
              </li>
            ))}
          </ul>
          {me.tour && !isRequest && <Tour />}
        </div>
      </div>
    </Bare>
  )
}

function PodsStarting() {
  const { text } = useText()
  return (
    <div role="status">
      <Notice tone="plain" icon="clock" title={text('create.starting.title')}>
        <p>{text('create.starting.body')}</p>
      </Notice>
    </div>
  )
}

function Tour() {
  const { text } = useText()
  const tour = useStartTour()
  const start = () =>
    tour.mutate(undefined, { onSuccess: ({ location }) => window.location.assign(location) })
  return (
    <div className={styles.tour}>
      <Button onPress={start} isPending={tour.isPending || tour.isSuccess}>
        {text('tour.act')}
      </Button>
      <p className={styles.explain}>{text('tour.explain')}</p>
      {tour.isError && <ProblemNote error={tour.error} onRetry={start} />}
    </div>
  )
}

import { useState } from 'react'
import type { Me } from '#schemas/types.gen.ts'
import { BoundariesSection } from '../components/boundaries.tsx'
import { Button } from '../components/button.tsx'
import { Confirm } from '../components/confirm.tsx'
import { ConnectPod } from '../components/connect-pod.tsx'
import { Card, Fact, Facts, PageTitle, Row, Section, Soft, Stack } from '../components/layout.tsx'
import { LanguageChoice } from '../components/language-choice.tsx'
import { ExportSection } from '../components/export.tsx'
import { ImportSection } from '../components/import.tsx'
import { KeepCopySection } from '../components/keep-copy.tsx'
import { LeaveSection } from '../components/leave.tsx'
import { MoveHouse } from '../components/move-house.tsx'
import { NotificationsSection } from '../components/notifications.tsx'
import { PasskeysSection } from '../components/passkeys.tsx'
import { PodNotices } from '../components/pod-notices.tsx'
import { ProbeResult } from '../components/probe-result.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { SessionsSection } from '../components/sessions.tsx'
import { useMe } from '../data/me.ts'
import { useForgetCredentials, usePodAccess } from '../data/pod.ts'
import { useSignOut } from '../data/sign-in.ts'
import { useText } from '../messages/text.tsx'
import styles from './settings.module.css'

/** The pod's connection and what Reach can really see of it; who is signed in. */
export function SettingsPage() {
  const { text } = useText()
  const me = useMe().data
  if (me === undefined) return null
  return (
    <>
      {me.podAccess === 'open' ? (
        <>
          <PageTitle title={text('settings.title')} />
          <PodNotices me={me} />
          <PodSection me={me} />
          <MoveHouse />
        </>
      ) : (
        <ConnectPod me={me} />
      )}
      <AccountSection me={me} />
      <SessionsSection />
      <PasskeysSection me={me} />
      <Section title={text('language.label')}>
        <LanguageChoice />
      </Section>
      <NotificationsSection />
      <KeepCopySection accountId={me.accountId} />
      <BoundariesSection />
      <ImportSection />
      <ExportSection />
      <LeaveSection me={me} />
    </>
  )
}

function PodSection({ me }: { me: Me }) {
  const { text } = useText()
  const probe = usePodAccess('probe')
  const disconnect = usePodAccess('disconnect')
  const forget = useForgetCredentials()
  const [isOpen, setOpen] = useState(false)
  return (
    <Section title={text('settings.pod')}>
      <Stack>
        <Card>
          <Facts>
            <Fact name={text('settings.container')}>
              <code className={styles.address}>{me.container}</code>
            </Fact>
            <Fact name={text('settings.agent')}>
              <code className={styles.address}>{me.actingAs ?? me.agent}</code>
              {me.actingAs !== undefined && (
                <p>{text(me.actingAs === me.webId ? 'settings.as-you' : 'settings.as-other')}</p>
              )}
            </Fact>
            {me.boundSeconds !== undefined && (
              <Fact name={text('settings.bound')}>{text('connect.bound', { seconds: me.boundSeconds })}</Fact>
            )}
            <Fact name={text('settings.issuer')}>
              <code className={styles.address}>{me.issuer}</code>
            </Fact>
          </Facts>
        </Card>
        <Soft>{text('settings.probe.explain')}</Soft>
        <Row>
          <Button onPress={() => probe.mutate()} isPending={probe.isPending}>
            {text('settings.probe')}
          </Button>
          <Button onPress={() => setOpen(true)}>{text('settings.disconnect')}</Button>
          {me.actingAs !== undefined && (
            <Button onPress={() => forget.mutate()} isPending={forget.isPending}>
              {text('credentials.forget')}
            </Button>
          )}
        </Row>
        {forget.isError && <ProblemNote error={forget.error} onRetry={() => forget.mutate()} />}
        {probe.isError && <ProblemNote error={probe.error} onRetry={() => probe.mutate()} />}
        {probe.data !== undefined && <ProbeResult probe={probe.data} />}
      </Stack>
      <Confirm
        isOpen={isOpen}
        title={text('disconnect.title')}
        yes={text('disconnect.act')}
        no={text('disconnect.keep')}
        isPending={disconnect.isPending}
        onYes={() => disconnect.mutate(undefined, { onSuccess: () => setOpen(false) })}
        onNo={() => setOpen(false)}
      >
        <p>{text('disconnect.effect')}</p>
        <p>{text('disconnect.stays')}</p>
        {disconnect.isError && <ProblemNote error={disconnect.error} />}
      </Confirm>
    </Section>
  )
}

function AccountSection({ me }: { me: Me }) {
  const { text } = useText()
  const signOut = useSignOut()
  return (
    <Section title={text('settings.account')}>
      <Stack>
        <Card>
          <Facts>
            <Fact name={text('settings.name')}>
              <bdi>{me.name ?? text('value.missing')}</bdi>
            </Fact>
            <Fact name={text('settings.webid')}>
              <code className={styles.address}>{me.webId}</code>
            </Fact>
          </Facts>
        </Card>
        <div>
          <Button onPress={() => signOut.mutate()} isPending={signOut.isPending}>
            {text('settings.sign-out')}
          </Button>
        </div>
        {signOut.isError && <ProblemNote error={signOut.error} onRetry={() => signOut.mutate()} />}
      </Stack>
    </Section>
  )
}

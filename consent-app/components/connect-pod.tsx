import { useState } from 'react'
import type { Me, Probe } from '#schemas/types.gen.ts'
import { usePodAccess, usePodChanged } from '../data/pod.ts'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { ChooseFolder } from './choose-folder.tsx'
import styles from './connect-pod.module.css'
import { Card, Fact, Facts, Lead, PageTitle, Theirs } from './layout.tsx'
import { PodCredentials } from './pod-credentials.tsx'
import { ProbeResult } from './probe-result.tsx'
import { ProblemNote } from './problem-note.tsx'

/**
 * Asks for access to one container of the pod: which, what for, how to take it back; then what the agent really sees.
 * With `forBusiness` it stands before a request that cannot be answered without.
 */
export function ConnectPod({
  me,
  forBusiness,
  onDone,
}: {
  me: Me
  forBusiness?: string
  onDone?: () => void
}) {
  const { text, rich } = useText()
  const connect = usePodAccess('connect')
  const container = me.container ?? text('connect.container')
  const lost = me.podAccess === 'lost'
  const podChanged = usePodChanged()
  const [byCredentials, setByCredentials] = useState<Probe>()
  const found = byCredentials ?? connect.data
  const start = () => {
    if (!connect.isPending) connect.mutate()
  }
  const goOn = async () => {
    await podChanged()
    onDone?.()
  }
  if (found?.ok === true)
    return (
      <div className={styles.connect}>
        <PageTitle title={text('connect.done')} />
        <ProbeResult probe={found} />
        <div className={styles.act}>
          <Button look="solid" wide onPress={() => void goOn()}>
            {text('connect.go-on')}
          </Button>
        </div>
      </div>
    )
  return (
    <div className={styles.connect}>
      <div>
        <PageTitle title={text(lost ? 'connect.lost.title' : 'connect.title')} />
        <Lead>
          {forBusiness === undefined
            ? text(lost ? 'connect.lost.body' : 'connect.body')
            : rich('connect.for-business', { business: <Theirs>{forBusiness}</Theirs> })}
        </Lead>
      </div>
      <Card>
        <Facts>
          <Fact name={text('connect.where')}>
            <code className={styles.address}>{container}</code>
            <p className={styles.why}>{text('connect.where.why')}</p>
            {me.podAccess === 'none' && (
              <div className={styles.choose}>
                <ChooseFolder />
              </div>
            )}
          </Fact>
          <Fact name={text('connect.read')}>
            <p>{text('connect.read.body')}</p>
            <p className={styles.why}>{text('connect.read.why')}</p>
          </Fact>
          <Fact name={text('connect.receipts')}>
            <p>{text('connect.receipts.body')}</p>
            <p className={styles.why}>{text('connect.receipts.why')}</p>
          </Fact>
          <Fact name={text('connect.never')}>{text('connect.never.body')}</Fact>
          <Fact name={text('connect.back')}>
            <p>{text('connect.back.body')}</p>
            {me.boundSeconds !== undefined && (
              <p className={styles.why}>{text('connect.bound', { seconds: me.boundSeconds })}</p>
            )}
            {me.agent !== undefined && (
              <p className={styles.why}>
                {rich('connect.agent', { agent: <code className={styles.address}>{me.agent}</code> })}
              </p>
            )}
          </Fact>
        </Facts>
      </Card>
      {connect.isError && <ProblemNote error={connect.error} onRetry={start} />}
      {found !== undefined && <ProbeResult probe={found} />}
      {found?.unreachable === true && <PodCredentials me={me} onConnected={setByCredentials} />}
      <div className={styles.act}>
        <Button look="solid" wide onPress={start} isPending={connect.isPending}>
          {text(lost ? 'connect.again' : 'connect.act')}
        </Button>
      </div>
    </div>
  )
}

import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import type { DecisionResult } from '#schemas/types.gen.ts'
import { useConnection } from '../data/connection.ts'
import { noteDecided } from '../data/requests.ts'
import { cancelWaiting, confirmWaiting, sendWaiting, useWaiting } from '../data/waiting.ts'
import type { WaitingAct } from '../data/waiting.ts'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Notice } from './notice.tsx'
import styles from './waiting-acts.module.css'

/** What the customer answered while nobody could be asked: none of it is in effect, each can be taken back. */
export function WaitingActs() {
  const { text } = useText()
  const acts = useWaiting()
  useSending(acts)
  return (
    <div role="status" className={acts.length > 0 ? styles.region : undefined}>
      {acts.length > 0 && (
        <section className={styles.waiting} aria-label={text('waiting.title')}>
          <h2>{text('waiting.title')}</h2>
          {!acts.some(({ sent }) => sent) && <p>{text('waiting.body')}</p>}
          <ul>
            {acts.map((act) => (
              <li key={act.about}>
                <Waiting act={act} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  )
}

function Waiting({ act }: { act: WaitingAct }) {
  const { text, has } = useText()
  const { business, kind, state, about, code, sent = false } = act
  const what = text(`waiting.${kind}`, { business })
  const problem = `problem.${code ?? 'unknown'}`
  const cancel = sent ? 'waiting.cancel.sent' : 'waiting.cancel'
  const standing = state === 'waiting' ? (`waiting.${kind}.until` as const) : (`waiting.${state}` as const)
  return (
    <div className={styles.act}>
      <p>
        <b>{what}</b> {text(sent && state !== 'refused' ? 'waiting.sent' : standing, { business })}{' '}
        {state === 'refused' && text(has(problem) ? problem : 'problem.unknown')}
      </p>
      <div className={styles.choice}>
        {state === 'left' && (
          <Button small onPress={() => confirmWaiting(about)} aria-label={`${text('waiting.send')}: ${what}`}>
            {text('waiting.send')}
          </Button>
        )}
        <Button
          small
          onPress={() => cancelWaiting(about)}
          aria-label={`${text(state === 'refused' ? 'waiting.seen' : cancel)}: ${what}`}
        >
          {text(state === 'refused' ? 'waiting.seen' : cancel)}
        </Button>
      </div>
    </div>
  )
}

/** Sends when Reach answers again; and asks before the page is left while something still waits on it. */
function useSending(acts: readonly WaitingAct[]): void {
  const client = useQueryClient()
  const isOnline = useConnection() === 'online'
  const waits = acts.some(({ state }) => state === 'waiting')
  useEffect(() => {
    if (!isOnline || !waits) return
    void sendWaiting(client, (act, reply) => {
      const isAnswer = act.kind === 'allow' || act.kind === 'deny' || act.kind === 'later'
      if (isAnswer) noteDecided(client, act.about, reply as DecisionResult)
      else void client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'request' })
    })
  }, [client, isOnline, waits])
  useEffect(() => {
    if (!waits) return
    const ask = (event: BeforeUnloadEvent) => event.preventDefault()
    window.addEventListener('beforeunload', ask)
    return () => window.removeEventListener('beforeunload', ask)
  }, [waits])
}

/** Beside an answer that is about to be given: that it would wait. */
export function WaitsNote() {
  const { text } = useText()
  if (useConnection() === 'online') return null
  return (
    <Notice tone="attention" icon="offline">
      <p>{text('waiting.would')}</p>
    </Notice>
  )
}

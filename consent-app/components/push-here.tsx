import type { NotificationsView } from '#schemas/types.gen.ts'
import { PushRefused, canPush, usePushHere, useStartPush, useStopPush } from '../data/push.ts'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Soft } from './layout.tsx'
import { Notice } from './notice.tsx'
import styles from './passkeys.module.css'
import { ProblemNote } from './problem-note.tsx'

/** Messages in this browser (Web Push), asked for here and ended here. */
export function PushHere({ view }: { view: NotificationsView }) {
  const { text } = useText()
  const isOn = usePushHere(view)
  const start = useStartPush()
  const stop = useStopPush()
  if (!canPush()) return <Soft>{text('push.not-here')}</Soft>
  const failed = start.error ?? stop.error
  return (
    <div className={styles.form}>
      <p role="status">{text(isOn ? 'push.on' : 'push.off')}</p>
      {isOn ? (
        <Button onPress={() => stop.mutate(undefined)} isPending={stop.isPending}>
          {text('push.stop')}
        </Button>
      ) : (
        <Button onPress={() => start.mutate(view.pushKey)} isPending={start.isPending}>
          {text('push.start')}
        </Button>
      )}
      {failed instanceof PushRefused ? (
        <Notice tone="attention" announce>
          <p>{text('push.refused')}</p>
        </Notice>
      ) : (
        failed !== null && <ProblemNote error={failed} />
      )}
    </div>
  )
}

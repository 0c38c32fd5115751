import type { NewVault } from '#schemas/types.gen.ts'
import type { MessageId } from '../messages/locale.ts'
import { useText } from '../messages/text.tsx'
import { Icon } from './icons.tsx'
import { VisuallyHidden } from './layout.tsx'
import { StateMark } from './mark.tsx'
import styles from './vault-making.module.css'

const steps = ['waiting', 'pod', 'sign-in', 'ready'] as const
const names: Record<(typeof steps)[number], MessageId> = {
  waiting: 'create.step.turn',
  pod: 'create.step.pod',
  'sign-in': 'create.step.sign-in',
  ready: 'create.step.decide',
}

/** Whether a vault is on its way, or waits to be entered. */
export function isBeingMade(
  vault: NewVault | undefined,
): vault is NewVault & { state: (typeof steps)[number] } {
  return steps.some((step) => step === vault?.state)
}

/** What happens until the new vault is there, and how far it is. */
export function VaultMaking({ vault }: { vault: NewVault & { state: (typeof steps)[number] } }) {
  const { text } = useText()
  const now = steps.indexOf(vault.state)
  const { before } = vault
  const turn = before === undefined ? undefined : text('create.step.before', { before })
  return (
    <div className={styles.making} data-under-way>
      <p className={styles.title}>{text('create.making')}</p>
      <ol className={styles.steps}>
        {steps.map((step, at) => (
          <li
            key={step}
            className={styles.step}
            data-state={at < now ? 'done' : at === now ? 'now' : 'later'}
            {...(at === now ? { 'aria-current': 'step' as const } : {})}
          >
            <span className={styles.mark}>
              {at < now ? <Icon name="check" size={18} /> : <StateMark state="waiting" size={18} />}
            </span>
            <span>
              {text(names[step])}
              {step === 'waiting' && turn !== undefined && <span className={styles.before}>{turn}</span>}
            </span>
          </li>
        ))}
      </ol>
      <p className={styles.stay}>{text('create.making.stay')}</p>
      <div role="status" className={styles.told}>
        <VisuallyHidden>{turn ?? text(names[vault.state])}</VisuallyHidden>
      </div>
    </div>
  )
}

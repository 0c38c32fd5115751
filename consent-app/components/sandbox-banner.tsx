import { useMe } from '../data/me.ts'
import { useText } from '../messages/text.tsx'
import styles from './sandbox-banner.module.css'

/** On every page where nobody is real: so that no picture of it passes for somebody's vault. */
export function SandboxBanner() {
  const { text } = useText()
  if (useMe().data?.sandbox !== true) return null
  return (
    <p className={styles.banner} role="note">
      <b>{text('sandbox.title')}</b> {text('sandbox.body')}
    </p>
  )
}

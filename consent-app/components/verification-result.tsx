import type { ReactNode } from 'react'
import { saveFile } from '../data/save-file.ts'
import { checks, type Verification } from '../data/verification.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Icon } from './icons.tsx'
import { Stack } from './layout.tsx'
import { Notice } from './notice.tsx'
import styles from './verification-result.module.css'

/** What this browser checked, step by step, and how it ended. */
export function VerificationResult({
  verification,
  children,
}: {
  verification: Verification
  children?: ReactNode
}) {
  const { text } = useText()
  const { held, failed, received } = verification
  return (
    <Stack>
      <Notice
        tone={failed === undefined ? 'good' : 'stop'}
        announce
        title={text(failed === undefined ? 'verify.ok.title' : 'verify.failed.title')}
        {...(failed !== undefined && {
          actions: (
            <Button small onPress={() => saveFile('reach-evidence.json', received)}>
              {text('verify.failed.save')}
            </Button>
          ),
        })}
      >
        <p>{text(failed === undefined ? 'verify.ok.body' : 'verify.failed.body')}</p>
      </Notice>
      <ol className={styles.steps}>
        {checks.slice(0, held.length + (failed === undefined ? 0 : 1)).map((check) => (
          <li key={check} data-ok={check !== failed?.check}>
            <Icon name={check === failed?.check ? 'cross' : 'check'} />
            <span>
              <Step check={check} verification={verification} />
              {check === failed?.check && <code className={styles.why}>{failed.why}</code>}
            </span>
          </li>
        ))}
      </ol>
      {children}
    </Stack>
  )
}

function Step({
  check,
  verification: { size, before, failed },
}: {
  check: (typeof checks)[number]
  verification: Verification
}) {
  const { text } = useText()
  const formats = useFormats()
  if (check === failed?.check) return text(`verify.${check}.failed`)
  if (check === 'key' && before === undefined && failed?.check !== 'history') return text('verify.key.first')
  if (check === 'history')
    return before === undefined
      ? text('verify.history.first')
      : text('verify.history', { size: before.size, moment: formats.moment(before.at) })
  return text(`verify.${check}`, { size })
}

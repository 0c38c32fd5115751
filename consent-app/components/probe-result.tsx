import type { Finding, Probe } from '#schemas/types.gen.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Icon } from './icons.tsx'
import { Soft, Stack } from './layout.tsx'
import { Notice } from './notice.tsx'
import styles from './probe-result.module.css'

/** What Reach's agent can see right now, found by trying, against what it should. */
export function ProbeResult({ probe }: { probe: Probe }) {
  const { text } = useText()
  const formats = useFormats()
  return (
    <Stack>
      <Notice
        tone={probe.ok ? 'good' : 'attention'}
        announce
        title={text(probe.ok ? 'probe.ok.title' : 'probe.not.title')}
      >
        <p>{text(probe.ok ? 'probe.ok.body' : 'probe.not.body')}</p>
      </Notice>
      <div className={styles.sides}>
        <Findings title={text('probe.can')} findings={probe.findings.filter(({ seen }) => seen)} />
        <Findings title={text('probe.cannot')} findings={probe.findings.filter(({ seen }) => !seen)} />
      </div>
      <Soft>{text('probe.as-of', { moment: formats.moment(probe.asOf) })}</Soft>
    </Stack>
  )
}

/** A tick is what was agreed, on either side; a cross is said in words as well. */
function Findings({ title, findings }: { title: string; findings: readonly Finding[] }) {
  const { text } = useText()
  if (findings.length === 0) return null
  const distinct = findings.filter(
    ({ what, ok }, index) => findings.findIndex((other) => other.what === what && other.ok === ok) === index,
  )
  return (
    <section aria-label={title}>
      <p className={styles.title}>{title}</p>
      <ul className={styles.findings}>
        {distinct.map(({ what, ok, expected }) => (
          <li key={`${what} ${ok}`} data-ok={ok}>
            <Icon name={ok ? 'check' : 'cross'} />
            <span>
              <span className={styles.what}>{what}</span>
              {!ok && <b>{text(expected ? 'probe.too-little' : 'probe.too-much')}</b>}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

import type { Probe } from '#schemas/types.gen.ts'
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
      <ul className={styles.findings}>
        {probe.findings.map((finding, index) => (
          <li key={index} data-ok={finding.ok}>
            <Icon name={finding.ok ? 'check' : 'cross'} />
            <div>
              <p className={styles.what}>{finding.what}</p>
              <p className={styles.seen}>
                {text(finding.seen ? 'probe.seen' : 'probe.unseen')}
                {' · '}
                {text(
                  finding.ok ? 'probe.as-agreed' : finding.expected ? 'probe.too-little' : 'probe.too-much',
                )}
              </p>
            </div>
          </li>
        ))}
      </ul>
      <Soft>{text('probe.as-of', { moment: formats.moment(probe.asOf) })}</Soft>
    </Stack>
  )
}

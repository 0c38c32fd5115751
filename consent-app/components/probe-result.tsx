import type { Finding, Probe } from '#schemas/types.gen.ts'
import { useCatalogue } from '../data/catalogue.ts'
import { usePodAccess } from '../data/pod.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Icon } from './icons.tsx'
import { Soft, Stack } from './layout.tsx'
import { Notice } from './notice.tsx'
import { ProblemNote } from './problem-note.tsx'
import styles from './probe-result.module.css'

/**
 * What Reach can see right now, found by trying, against what it should; and, where the rules in the pod are too wide or too
 * narrow, the way to put them right.
 */
export function ProbeResult({ probe: found }: { probe: Probe }) {
  const { text } = useText()
  const formats = useFormats()
  const repair = usePodAccess('repair')
  const probe = repair.data ?? found
  return (
    <Stack>
      <Notice
        tone={probe.ok ? 'good' : 'attention'}
        announce
        title={text(probe.ok ? 'probe.ok.title' : 'probe.not.title')}
      >
        <p>{text(probe.ok ? 'probe.ok.body' : 'probe.not.body')}</p>
      </Notice>
      {probe.identity === 'yourself' && (
        <Notice tone="attention" title={text('probe.yourself.title')}>
          <p>{text('probe.yourself.body')}</p>
        </Notice>
      )}
      <div className={styles.sides}>
        <Findings title={text('probe.can')} findings={probe.findings.filter(({ seen }) => seen)} />
        <Findings title={text('probe.cannot')} findings={probe.findings.filter(({ seen }) => !seen)} />
      </div>
      {!probe.ok && probe.unreachable !== true && (
        <div>
          <p className={styles.repair}>{text('probe.repair.effect')}</p>
          <Button onPress={() => repair.mutate()} isPending={repair.isPending}>
            {text('probe.repair')}
          </Button>
        </div>
      )}
      {repair.isError && <ProblemNote error={repair.error} onRetry={() => repair.mutate()} />}
      <Soft>{text('probe.as-of', { moment: formats.moment(probe.asOf) })}</Soft>
    </Stack>
  )
}

/** A tick is what was agreed, on either side; a cross is said in words as well. */
function Findings({ title, findings }: { title: string; findings: readonly Finding[] }) {
  const { text } = useText()
  const { categories } = useCatalogue()
  const titleOf = (id = '') => categories.find(({ category }) => category === id)?.title ?? id
  if (findings.length === 0) return null
  const distinct = findings
    .filter(
      ({ what, ok }, index) =>
        findings.findIndex((other) => other.what === what && other.ok === ok) === index,
    )
    // What is not as agreed comes first.
    .toSorted((one, other) => Number(one.ok) - Number(other.ok))
  return (
    <section aria-label={title}>
      <p className={styles.title}>{title}</p>
      <ul className={styles.findings}>
        {distinct.map(({ what, act, category, ok, expected }) => (
          <li key={`${what} ${ok}`} data-ok={ok}>
            <Icon name={ok ? 'check' : 'cross'} />
            <span>
              <span className={styles.what}>{text(`probe.act.${act}`, { category: titleOf(category) })}</span>
              {!ok && <b>{text(expected ? 'probe.too-little' : 'probe.too-much')}</b>}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

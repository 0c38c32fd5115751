import type { ReactNode } from 'react'
import { findFieldIn } from '#core/domain/catalogue.ts'
import { findPurpose } from '#core/domain/purposes.ts'
import { readFacts } from '../data/verification.ts'
import { useLanguage } from '../messages/language.tsx'
import { useFormats, useText } from '../messages/text.tsx'
import { ringOf } from './activity-list.tsx'
import styles from './entry-said.module.css'
import { ExactText, Fold } from './fold.tsx'
import { Card, Fact, Facts, Theirs } from './layout.tsx'
import { StateMark } from './mark.tsx'

/**
 * What an entry of the log says, for somebody who has no part in it: a sentence, then what matters of it, and the line itself for who
 * wants to see that. It names nobody, since the entry does not.
 */
export function EntrySaid({ line }: { line: string }) {
  const { text, has } = useText()
  const formats = useFormats()
  const { language } = useLanguage()
  const facts = readFacts(line)
  const type = String(facts['type'])
  const sentence = `verify.said.${type}${facts['kind'] === 'deletion' ? '.deletion' : ''}`
  const business = facts['vendor']
  const items = (Array.isArray(facts['items']) ? (facts['items'] as unknown[]) : [facts]).flatMap(readItem)
  const moment = (name: string): ReactNode => {
    const time = facts[name]
    return (
      typeof time === 'number' && <time dateTime={new Date(time).toISOString()}>{formats.moment(time)}</time>
    )
  }
  const number = (name: string, said: (value: number) => ReactNode): ReactNode => {
    const value = facts[name]
    return typeof value === 'number' && said(value)
  }
  return (
    <Card>
      <p className={styles.what}>
        <StateMark state={ringOf(type)} size={26} />
        {text(has(sentence) ? sentence : 'verify.said.other')}
      </p>
      <Facts>
        <Told name={text('verify.fact.when')}>{moment('time')}</Told>
        <Told name={text('verify.fact.business')}>
          {typeof business === 'string' && (
            <>
              <code className={styles.number}>{business}</code>
              <p className={styles.second}>{text('verify.fact.business.explain')}</p>
            </>
          )}
        </Told>
        <Told name={text('verify.fact.data')}>
          {items.length > 0 && (
            <ul className={styles.items}>
              {items.map(({ purpose, fields }) => (
                <li key={`${purpose} ${fields.join(' ')}`}>
                  {formats.list(fields.map((field) => findFieldIn(language, field)?.title ?? field))}
                  <p className={styles.second}>{findPurpose(purpose, language)?.title ?? purpose}</p>
                </li>
              ))}
            </ul>
          )}
        </Told>
        <Told name={text(type === 'requested' ? 'verify.fact.asked-until' : 'verify.fact.until')}>
          {moment('until')}
        </Told>
        <Told name={text('verify.fact.reads')}>
          {number('reads', (count) => text('verify.fact.reads.most', { count }))}
        </Told>
        <Told name={text('verify.fact.seq')}>
          {number('seq', (count) => text('verify.fact.seq.number', { count }))}
        </Told>
        <Told name={text('verify.fact.pick-up')}>{moment('redeemBy')}</Told>
        <Told name={text('verify.fact.due')}>{moment('due')}</Told>
        <Told name={text('verify.fact.attempts')}>
          {type === 'disclosures-refused' &&
            number('from', (from) =>
              text('verify.fact.attempts.count', {
                count: sumOf(facts['counts']),
                moment: formats.moment(from),
              }),
            )}
        </Told>
        <Told name={text('verify.fact.because')}>
          {typeof facts['because'] === 'string' && <Theirs>{facts['because']}</Theirs>}
        </Told>
        <Told name={text('verify.fact.entries')}>
          {number('first', (first) =>
            number('end', (end) => text('verify.fact.entries.range', { first, last: end - 1 })),
          )}
        </Told>
      </Facts>
      <Fold title={text('verify.exact')}>
        <ExactText label={text('verify.exact')}>{JSON.stringify(facts, null, 2)}</ExactText>
      </Fold>
    </Card>
  )
}

/** A row for what the entry says; `false` for what it does not. */
function Told({ name, children }: { name: string; children: ReactNode }) {
  return children !== false && <Fact name={name}>{children}</Fact>
}

/** One purpose and its fields; what says neither is no item. */
function readItem(item: unknown): { purpose: string; fields: string[] }[] {
  if (typeof item !== 'object' || item === null) return []
  const { purpose, fields } = item as { purpose?: unknown; fields?: unknown }
  if (typeof purpose !== 'string' || !Array.isArray(fields)) return []
  return [{ purpose, fields: fields.filter((field) => typeof field === 'string') }]
}

function sumOf(counts: unknown): number {
  return typeof counts === 'object' && counts !== null
    ? Object.values(counts).reduce((sum: number, count) => sum + Number(count), 0)
    : 0
}

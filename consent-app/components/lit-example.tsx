import { useText } from '../messages/text.tsx'
import type { MessageId } from '../messages/locale.ts'
import { FieldValue } from './field-value.tsx'
import styles from './lit-example.module.css'

const rows: readonly { title: MessageId; value: MessageId; lit: boolean }[] = [
  { title: 'welcome.example.name', value: 'welcome.example.name.value', lit: false },
  { title: 'welcome.example.birth', value: 'welcome.example.birth.value', lit: false },
  { title: 'welcome.example.over18', value: 'value.yes', lit: true },
  { title: 'welcome.example.shoe', value: 'welcome.example.shoe.value', lit: true },
]

/** What Reach is, in one look: a few values, and the two that leave. Says that it is invented. */
export function LitExample() {
  const { text, rich } = useText()
  return (
    <figure className={styles.example} aria-label={text('welcome.example.title')}>
      <dl className={styles.rows}>
        {rows.map(({ title, value, lit }) => (
          <div key={title} className={styles.row}>
            <dt>{text(title)}</dt>
            <dd>
              <FieldValue field="" value={text(value)} lit={lit} />
            </dd>
          </div>
        ))}
      </dl>
      <figcaption className={styles.caption}>
        <span>{text('welcome.example.title')}</span>
        {rich('welcome.example.says')}
      </figcaption>
    </figure>
  )
}

import type { FieldView } from '#schemas/types.gen.ts'
import { FieldValue } from '../components/field-value.tsx'
import { useText } from '../messages/text.tsx'
import styles from './derived-answers.module.css'

/** Answers worked out from a category: what a business can learn without the data itself, and by which rule. */
export function DerivedAnswers({ answers }: { answers: readonly FieldView[] }) {
  const { text } = useText()
  if (answers.length === 0) return null
  return (
    <div className={styles.derived}>
      <h4 className={styles.title}>{text('derived.title')}</h4>
      <p className={styles.soft}>{text('derived.explain')}</p>
      <ul className={styles.answers}>
        {answers.map(({ field, title, rule, value }) => (
          <li key={field}>
            <p>
              <b>{title}</b> <FieldValue field={field} value={value} lit={false} />
            </p>
            {rule !== undefined && <p className={styles.soft}>{text('derived.rule', { rule })}</p>}
          </li>
        ))}
      </ul>
    </div>
  )
}

import { Button } from '../components/button.tsx'
import { FieldValue } from '../components/field-value.tsx'
import { VisuallyHidden } from '../components/layout.tsx'
import { Notice } from '../components/notice.tsx'
import { useText } from '../messages/text.tsx'
import type { Conflict } from './draft-state.ts'
import styles from './conflict-choice.module.css'

/** Another app changed the field that was being changed here: all three values, and nothing chosen for anybody. */
export function ConflictChoice({
  field,
  title,
  mine,
  conflict,
  onPick,
}: {
  field: string
  title: string
  mine: unknown
  conflict: Conflict
  onPick: (side: 'mine' | 'theirs') => void
}) {
  const { text } = useText()
  const sides = [
    { side: 'mine', value: mine, label: 'conflict.mine', act: 'conflict.keep-mine' },
    { side: 'theirs', value: conflict.theirs, label: 'conflict.theirs', act: 'conflict.keep-theirs' },
  ] as const
  return (
    <Notice tone="attention" title={text('conflict.title', { field: title })} announce>
      <p>{text('conflict.body')}</p>
      <dl className={styles.sides}>
        {sides.map(({ side, value, label, act }) => (
          <div key={side} className={styles.side}>
            <dt>{text(label)}</dt>
            <dd>
              <FieldValue field={field} value={value} lit={false} />
              <Button small onPress={() => onPick(side)}>
                {text(act)}
                <VisuallyHidden> ({title})</VisuallyHidden>
              </Button>
            </dd>
          </div>
        ))}
        <div className={styles.before}>
          <dt>{text('conflict.before')}</dt>
          <dd>
            <FieldValue field={field} value={conflict.before} lit={false} />
          </dd>
        </div>
      </dl>
      <p className={styles.later}>{text('conflict.later')}</p>
    </Notice>
  )
}

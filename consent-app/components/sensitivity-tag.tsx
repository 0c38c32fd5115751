import type { FieldView } from '#schemas/types.gen.ts'
import { useText } from '../messages/text.tsx'
import { classNames } from './class-names.ts'
import { Icon } from './icons.tsx'
import styles from './sensitivity-tag.module.css'

/** Marks what deserves a second look; what is ordinary has no mark. */
export function SensitivityTag({ sensitivity }: { sensitivity: FieldView['sensitivity'] }) {
  const { text } = useText()
  if (sensitivity === 'ordinary') return null
  return (
    <span className={classNames(styles.tag, styles[sensitivity])}>
      <Icon name="lock" size={14} />
      {text(`sensitivity.${sensitivity}`)}
    </span>
  )
}

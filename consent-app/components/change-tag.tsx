import type { Amendment } from '#schemas/types.gen.ts'
import { useText } from '../messages/text.tsx'
import styles from './change-tag.module.css'
import { Icon } from './icons.tsx'

/** What a field is to what was allowed before: asked for the first time, or allowed already. */
export type FieldChange = 'new' | 'kept'

/** By purpose and field, as a grant covers them; nothing where nothing was allowed before. */
export function changeOf(
  amends: Amendment | undefined,
  purpose: string,
  field: string,
): FieldChange | undefined {
  if (amends === undefined) return undefined
  const isKept = amends.kept.some((one) => one.purpose === purpose && one.field === field)
  return isKept ? 'kept' : 'new'
}

export function ChangeTag({ change }: { change: FieldChange | undefined }) {
  const { text } = useText()
  if (change === undefined) return null
  return (
    <span className={styles.tag} data-change={change}>
      <Icon name={change === 'new' ? 'plus' : 'check'} size={14} />
      {text(`amends.${change}`)}
    </span>
  )
}

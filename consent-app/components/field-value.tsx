import type { ReactNode } from 'react'
import { useCatalogue } from '../data/catalogue.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { classNames } from './class-names.ts'
import styles from './field-value.module.css'
import { describeValue } from './value-text.ts'
import type { ValueNode } from './value-text.ts'

/**
 * Today's exact value of a field. It is lit when it leaves or would leave, and plain when it stays. `undefined` is nothing in
 * the pod yet, or with `unknown` nothing that could be looked up.
 */
export function FieldValue({
  field,
  value,
  lit,
  unknown = false,
}: {
  field: string
  value: unknown
  lit: boolean
  unknown?: boolean
}) {
  const { text } = useText()
  const { field: find } = useCatalogue()
  if (value === undefined)
    return <span className={styles.missing}>{text(unknown ? 'value.unknown' : 'value.missing')}</span>
  const node = describeValue(value, find(field)?.schema)
  return (
    <span className={classNames(styles.value, lit && styles.lit)}>
      <ValueView node={node} />
    </span>
  )
}

function ValueView({ node }: { node: ValueNode }): ReactNode {
  const { text } = useText()
  const words = useValueWords()
  switch (node.kind) {
    case 'picture':
      return <img className={styles.picture} src={node.source} alt={text('value.picture')} />
    case 'list':
      return node.parts.length === 0 ? (
        text('value.empty-list')
      ) : (
        <span className={node.lines ? styles.lines : styles.list} role="list">
          {node.parts.map((part, index) => (
            <span key={index} className={node.lines ? styles.line : styles.part} role="listitem">
              <ValueView node={part} />
            </span>
          ))}
        </span>
      )
    case 'parts':
      return node.between !== undefined ? (
        <bdi>{words(node)}</bdi>
      ) : (
        <span className={styles.parts}>
          {node.parts.map((part) => (
            <span key={part.name} className={styles.line}>
              {part.title === undefined ? (
                <ValueView node={part.value} />
              ) : (
                <bdi>{text('value.named', { title: part.title, value: words(part.value) })}</bdi>
              )}
            </span>
          ))}
        </span>
      )
    default:
      return <bdi>{words(node)}</bdi>
  }
}

/** A value in words alone. */
export function useValueWords(): (node: ValueNode) => string {
  const { text } = useText()
  const formats = useFormats()
  const words = (node: ValueNode): string => {
    switch (node.kind) {
      case 'text':
        return node.text
      case 'answer':
        return text(node.yes ? 'value.yes' : 'value.no')
      case 'day':
        return formats.calendarDay(node.day)
      case 'language':
        return formats.language(node.tag)
      case 'country':
        return formats.country(node.code)
      case 'picture':
        return text('value.picture')
      case 'list':
        return formats.list(node.parts.map(words))
      case 'parts':
        return node.parts
          .map(({ title, value }) =>
            title === undefined ? words(value) : text('value.named', { title, value: words(value) }),
          )
          .join(node.between ?? ', ')
    }
  }
  return words
}

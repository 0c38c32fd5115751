/** How a value of the pod is read out: which words stand for its codes. Pure, so that it can be tested. */
import { kindOf } from '../form/form-fields.ts'
import type { FieldSchema } from '../form/form-fields.ts'

export type ValueNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'answer'; readonly yes: boolean }
  | { readonly kind: 'day'; readonly day: string }
  | { readonly kind: 'language'; readonly tag: string }
  | { readonly kind: 'country'; readonly code: string }
  | { readonly kind: 'picture'; readonly source: string }
  /** `lines`: each part on a line of its own. */
  | { readonly kind: 'list'; readonly parts: readonly ValueNode[]; readonly lines: boolean }
  | {
      readonly kind: 'parts'
      readonly parts: readonly {
        readonly name: string
        /** For what says nothing without it, such as a yes or a number. */
        readonly title?: string | undefined
        readonly value: ValueNode
      }[]
      /** What stands between the parts; without it each has a line of its own. */
      readonly between: string | undefined
    }

const dayPattern = /^\d{4}-\d{2}-\d{2}$/
const picturePattern = /^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/]+=*$/

/**
 * What kind of thing a value is, by the schema of its field. Everything that is in the value is in the result, nothing is
 * left out; what is not known is shown as it is.
 */
export function describeValue(value: unknown, schema: FieldSchema = {}): ValueNode {
  if (typeof value === 'boolean') return { kind: 'answer', yes: value }
  if (Array.isArray(value)) {
    const { items = {}, 'x-labels': labels } = schema
    const one = labels === undefined ? items : { ...items, 'x-labels': labels }
    const parts = value.map((part) => inOneLine(describeValue(part, one)))
    return { kind: 'list', parts, lines: parts.some(({ kind }) => kind === 'parts') }
  }
  if (typeof value === 'object' && value !== null) {
    const parts = Object.entries(value).map(([name, part]) => {
      const member = schema.properties?.[name]
      const isBare = typeof part === 'boolean' || typeof part === 'number'
      return { name, title: isBare ? member?.title : undefined, value: describeValue(part, member) }
    })
    return { kind: 'parts', parts, between: between(schema) }
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (picturePattern.test(text)) return { kind: 'picture', source: text }
  if (dayPattern.test(text) && !Number.isNaN(Date.parse(text))) return { kind: 'day', day: text }
  const label = schema['x-labels']?.[text]
  if (label !== undefined) return { kind: 'text', text: label }
  const kind = kindOf(schema)
  if (kind === 'language') return { kind, tag: text }
  return kind === 'country' ? { kind, code: text } : { kind: 'text', text }
}

/** Two parts that only mean something together are read on one line. */
function between({ required = [], properties = {} }: FieldSchema): string | undefined {
  const members = Object.values(properties)
  if (members.length !== 2 || required.length !== 2) return undefined
  return members.every((member) => kindOf(member) === 'time') ? ' – ' : ' '
}

function inOneLine(node: ValueNode): ValueNode {
  return node.kind === 'parts' ? { ...node, between: node.between ?? ' · ' } : node
}

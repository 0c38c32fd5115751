/** How a value of the pod is read out: which words stand for its codes. Pure, so that it can be tested. */

export type ValueNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'answer'; readonly yes: boolean }
  | { readonly kind: 'day'; readonly day: string }
  | { readonly kind: 'language'; readonly tag: string }
  | { readonly kind: 'country'; readonly code: string }
  | { readonly kind: 'choice'; readonly code: string }
  | { readonly kind: 'picture'; readonly source: string }
  | { readonly kind: 'list'; readonly parts: readonly ValueNode[] }
  | {
      readonly kind: 'parts'
      readonly parts: readonly { readonly name: string; readonly value: ValueNode }[]
      /** What stands between the parts; without it each has a line of its own. */
      readonly between: string | undefined
    }

const dayPattern = /^\d{4}-\d{2}-\d{2}$/
const picturePattern = /^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/]+=*$/
/** Groups that are read on one line. */
const between: Readonly<Record<string, string>> = {
  'contact-rules.quietHours': ' – ',
  'sizes.shoe': ' ',
  'sizes.top': ' ',
  'sizes.trousers': ' ',
}

const choiceFields = new Set(['contact-rules.channels', 'diet.diet'])

/**
 * What kind of thing a value of `field` is. Everything that is in the value is in the result, nothing is left out;
 * what is not known is shown as it is.
 */
export function describeValue(field: string, value: unknown): ValueNode {
  if (typeof value === 'boolean') return { kind: 'answer', yes: value }
  if (Array.isArray(value)) return { kind: 'list', parts: value.map((part) => describeValue(field, part)) }
  if (typeof value === 'object' && value !== null) {
    const parts = Object.entries(value).map(([name, part]) => ({
      name,
      value: describeValue(`${field}.${name}`, part),
    }))
    return { kind: 'parts', parts, between: between[field] }
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (picturePattern.test(text)) return { kind: 'picture', source: text }
  if (dayPattern.test(text) && !Number.isNaN(Date.parse(text))) return { kind: 'day', day: text }
  if (field === 'profile.languages') return { kind: 'language', tag: text }
  if (field === 'contact.country' || field === 'contact.address.country')
    return { kind: 'country', code: text }
  return choiceFields.has(field) ? { kind: 'choice', code: text } : { kind: 'text', text }
}

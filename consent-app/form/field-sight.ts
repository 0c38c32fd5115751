/** Who can read a field now, and when it last left: of the grants and the log, for one field. Pure. */
import type { FieldLeft, FieldsLeft, GrantView } from '#schemas/types.gen.ts'
import { fieldsOf, isReadable } from '../components/grant-facts.ts'

export interface FieldReader {
  readonly vendorId: string
  readonly business: string
  readonly grantId: string
  /** Titles of the answers that it gets in place of the value. */
  readonly answers: readonly string[]
}

type Answer = { readonly field: string; readonly title: string }

/** Each business once; whoever can read the value itself is not named for answers, too. */
export function readersOf(
  field: string,
  answers: readonly Answer[],
  grants: readonly GrantView[],
): FieldReader[] {
  const readers = new Map<string, FieldReader>()
  for (const grant of grants.filter(isReadable)) {
    const fields = new Set(fieldsOf(grant).map((one) => one.field))
    const titles = answers.filter((answer) => fields.has(answer.field)).map(({ title }) => title)
    if (!fields.has(field) && titles.length === 0) continue
    const { vendorId, name: business } = grant.vendor
    const known = readers.get(vendorId)
    const isWhole = fields.has(field) || known?.answers.length === 0
    const told = isWhole ? [] : [...new Set([...(known?.answers ?? []), ...titles])]
    readers.set(vendorId, { vendorId, business, grantId: known?.grantId ?? grant.grantId, answers: told })
  }
  return [...readers.values()]
}

/** The last time that the value itself left, and that an answer worked out from it did. */
export function leftOf(
  field: string,
  answers: readonly Answer[],
  { left }: FieldsLeft,
): { readonly value?: FieldLeft; readonly answer?: FieldLeft & { readonly title: string } } {
  const value = left.find((one) => one.field === field)
  const [answer] = answers
    .flatMap(({ field: id, title }) => {
      const found = left.find((one) => one.field === id)
      return found === undefined ? [] : [{ ...found, title }]
    })
    .toSorted((a, b) => (a.time < b.time ? 1 : -1))
  return { ...(value && { value }), ...(answer && { answer }) }
}

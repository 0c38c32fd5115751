/**
 * Answers that are worked out inside, so that their source stays with the customer. A rule sees the values of
 * stored fields by field id, as they stand in the pod, and gives `undefined` when it cannot answer for sure.
 */
export type FieldValues = Readonly<Record<string, unknown>>

type Rule = (values: FieldValues, today: string) => unknown

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['profile.ageOver18', (values, today) => isOver(18, values['profile.birthDate'], today)],
  ['contact.country', (values) => countryOf(values['contact.address'])],
])

/** Ids of the fields that have a rule. */
export const derivable: readonly string[] = [...rules.keys()]

/** The answer of a derived field. `today`: the date in UTC, `2026-11-22`. */
export function derive(field: string, values: FieldValues, today: string): unknown {
  if (!isDate(today)) throw new Error('today is no date')
  return rules.get(field)?.(values, today)
}

/**
 * Whether a birthday of this age is today or lies in the past. Somebody born on 29 February has it on 1 March
 * in a year without that day. No answer for what is no date, or lies in the future.
 */
function isOver(age: number, birthDate: unknown, today: string): boolean | undefined {
  if (!isDate(birthDate) || birthDate > today) return undefined
  // Dates of four-digit years order as text, and 02-29 of a year without one comes after 02-28 and before
  // 03-01.
  const birthday = String(Number(birthDate.slice(0, 4)) + age).padStart(4, '0') + birthDate.slice(4)
  return birthday <= today
}

function isDate(value: unknown): value is string {
  if (typeof value !== 'string' || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(value)) return false
  const date = new Date(`${value}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value)
}

function countryOf(address: unknown): string | undefined {
  if (typeof address !== 'object' || address === null || !('country' in address)) return undefined
  const { country } = address
  return typeof country === 'string' && /^[A-Z]{2}$/.test(country) ? country : undefined
}

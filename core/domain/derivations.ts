import { findField } from './catalogue.ts'
import type { DerivedField } from './catalogue.ts'
import { regionCode } from './regions.ts'

/**
 * Answers that are worked out inside, so that their source stays with the customer. A rule sees the values of
 * stored fields by field id, as they stand in the pod, and gives `undefined` when it cannot answer for sure.
 */
export type FieldValues = Readonly<Record<string, unknown>>

/** `value`: of the one field it is worked out from. `told`: what the catalogue tells the rule. */
type Rule = (value: unknown, today: string, told: DerivedField['compute']) => unknown

const rules: Readonly<Record<string, Rule>> = {
  'age-over': (value, today, { years }) => isOver(Number(years), value, today),
  'age-band': (value, today, { from }) => ageBand(value, today, from as readonly number[]),
  country: (value) => countryOf(value),
  region: (value) => regionOf(value),
  'postcode-area': (value) => postcodeArea(value),
  'has-child': (value, today) => hasChild(value, today),
  'shoe-size': (value, _today, { system }) => shoeSize(value, String(system)),
}

/** What `compute.rule` of a derived field may say. */
export const ruleNames: readonly string[] = Object.keys(rules)

/** The answer of a derived field. `today`: the date in UTC, `2026-11-22`, which is the day that counts everywhere. */
export function derive(id: string, values: FieldValues, today: string): unknown {
  if (!isDate(today)) throw new Error('today is no date')
  const field = findField(id)
  if (field?.kind !== 'derived') return undefined
  const [source] = field.from
  return source === undefined ? undefined : rules[field.compute.rule]?.(values[source], today, field.compute)
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

/** The band that begins at the last of these ages that is reached: `18-24`, or `65+` for the last one. */
function ageBand(birthDate: unknown, today: string, from: readonly number[]): string | undefined {
  const reached = from.findLastIndex((age) => isOver(age, birthDate, today) === true)
  const [first, next] = [from[reached], from[reached + 1]]
  if (first === undefined) return undefined
  return next === undefined ? `${first}+` : `${first}-${next - 1}`
}

function isDate(value: unknown): value is string {
  if (typeof value !== 'string' || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(value)) return false
  const date = new Date(`${value}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value)
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as FieldValues)[name] : undefined
}

function countryOf(address: unknown): string | undefined {
  const country = member(address, 'country')
  return typeof country === 'string' && /^[A-Z]{2}$/.test(country) ? country : undefined
}

function regionOf(address: unknown): string | undefined {
  const country = countryOf(address)
  const region = member(address, 'region')
  return country === undefined || typeof region !== 'string' ? undefined : regionCode(country, region)
}

/** How many characters of a postcode name an area; elsewhere two. */
const areaLength: Readonly<Record<string, number>> = { US: 3, CA: 3, IE: 3 }

/** Never the whole postcode: what is too short to have an area has none. */
function postcodeArea(address: unknown): string | undefined {
  const country = countryOf(address)
  const noted = member(address, 'postalCode')
  if (country === undefined || typeof noted !== 'string') return undefined
  const code = noted.replaceAll(/[\s-]/g, '').toUpperCase()
  if (!/^[A-Z0-9]{3,10}$/.test(code)) return undefined
  if (country === 'GB') return /^[A-Z]{1,2}[0-9][A-Z0-9]?(?=[0-9][A-Z]{2}$)/.exec(code)?.[0]
  const length = areaLength[country] ?? 2
  return code.length > length ? code.slice(0, length) : undefined
}

/** A child counts as one in every year in which it turns at most 17. */
function hasChild(people: unknown, today: string): boolean | undefined {
  if (!Array.isArray(people)) return undefined
  const years = people
    .filter((one) => member(one, 'relation') === 'child')
    .map((child) => member(child, 'birthYear'))
  const year = Number(today.slice(0, 4))
  if (years.some((born) => typeof born === 'number' && born <= year && year - born <= 17)) return true
  return years.every((born) => typeof born === 'number' && born <= year) ? false : undefined
}

/** Length of the last in cm by size and back, for adults. UK sizes count barleycorns, a third of an inch. */
const inch = 2.54
const lastOf: Readonly<Record<string, (size: number) => number>> = {
  EU: (size) => size / 1.5,
  UK: (size) => ((size + 25) / 3) * inch,
  US: (size) => ((size + 24) / 3) * inch,
  JP: (size) => size + 1.5,
}
const sizeOf: Readonly<Record<string, (last: number) => number>> = {
  EU: (last) => last * 1.5,
  UK: (last) => (last / inch) * 3 - 25,
  US: (last) => (last / inch) * 3 - 24,
}

function shoeSize(noted: unknown, system: string): number | undefined {
  const [size, from] = [member(noted, 'size'), String(member(noted, 'system'))]
  if (typeof size !== 'string' || !/^[0-9]{1,2}([.,][0-9])?$/.test(size.trim())) return undefined
  const number = Number(size.trim().replace(',', '.'))
  if (from === system) return number
  const last = lastOf[from]?.(number)
  // Outside of this nobody's foot is an adult's, and the systems of children count otherwise.
  if (last === undefined || last < 22 || last > 36) return undefined
  const found = sizeOf[system]?.(last)
  return found === undefined ? undefined : Math.round(found * 2) / 2
}

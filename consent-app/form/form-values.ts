import { formFields } from './form-fields.ts'
import type { FieldKind, FieldSchema } from './form-fields.ts'

/** Values of a category or of a group, by name. What is absent is not in the pod. */
export type Values = Readonly<Record<string, unknown>>

export type FieldProblem =
  | 'required'
  | 'number'
  | 'email'
  | 'phone'
  | 'date'
  | 'time'
  | 'format'
  | 'long'
  | 'many'

/** What is saved of what was typed: text trimmed; empty texts, lists and groups are left out. */
export function cleanValues(values: Values): Values {
  const kept = Object.entries(values).flatMap(([name, value]) => {
    const clean = cleanValue(value)
    return clean === undefined ? [] : [[name, clean] as const]
  })
  return Object.fromEntries(kept)
}

function cleanValue(value: unknown): unknown {
  if (typeof value === 'string') return value.trim() === '' ? undefined : value.trim()
  if (Array.isArray(value)) {
    const parts = value.map(cleanValue).filter((part) => part !== undefined)
    const once = parts.filter((part, at) => parts.findIndex((other) => sameValue(part, other)) === at)
    return once.length === 0 ? undefined : once
  }
  if (typeof value === 'object' && value !== null) {
    const members = cleanValues(value as Values)
    return Object.keys(members).length === 0 ? undefined : members
  }
  return value ?? undefined
}

/** Equal as JSON, whatever the order of members. */
export function sameValue(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const [a, b] = [Object.entries(one), Object.entries(other)]
  return a.length === b.length && a.every(([name, value]) => sameValue(value, (other as Values)[name]))
}

/** Equal as the pod sees it: only languages have an order there, every other list comes back in one of its own. */
export function sameContent(kind: FieldKind, one: unknown, other: unknown): boolean {
  const key = (part: unknown) =>
    typeof part === 'object' && part !== null
      ? JSON.stringify(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : String(part)
  const inOrder = (value: unknown) =>
    Array.isArray(value) && kind !== 'languages'
      ? value.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
      : value
  return sameValue(inOrder(one), inOrder(other))
}

/**
 * What is wrong with cleaned values, by name, by `group.member` within a group and by `list.0.member` within a list of
 * records. Empty: they can be sent.
 */
export function checkValues(schema: FieldSchema, values: Values): Record<string, FieldProblem> {
  const problems: Record<string, FieldProblem> = {}
  for (const { name, kind, schema: field } of formFields(schema)) {
    const value = values[name]
    if (value === undefined) {
      if (schema.required?.includes(name) === true) problems[name] = 'required'
    } else if (kind === 'group') {
      for (const [member, problem] of Object.entries(checkValues(field, value as Values)))
        problems[`${name}.${member}`] = problem
    } else {
      const problem = checkValue(field, value)
      if (problem !== undefined) problems[name] = problem
      if (kind !== 'records' || !Array.isArray(value)) continue
      for (const [at, record] of value.entries())
        for (const [member, wrong] of Object.entries(checkValues(field.items ?? {}, record as Values)))
          problems[`${name}.${at}.${member}`] = wrong
    }
  }
  return problems
}

function checkValue(schema: FieldSchema, value: unknown): FieldProblem | undefined {
  if (Array.isArray(value)) {
    if (value.length > (schema.maxItems ?? Number.POSITIVE_INFINITY)) return 'many'
    return value.map((part) => checkValue(schema.items ?? {}, part)).find((problem) => problem !== undefined)
  }
  if (schema.type === 'integer' || schema.type === 'number') return checkNumber(schema, value)
  if (typeof value !== 'string') return undefined
  if ([...value].length > (schema.maxLength ?? Number.POSITIVE_INFINITY)) return 'long'
  if (schema.format === 'email' && !/^[^\s@]+@[^\s@]+$/.test(value)) return 'email'
  if (schema.format === 'date' && !isDay(value)) return 'date'
  if (schema.enum !== undefined && !schema.enum.includes(value)) return 'format'
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value))
    return schema.pattern.startsWith('^\\+')
      ? 'phone'
      : schema.pattern.startsWith('^([01]')
        ? 'time'
        : 'format'
  return undefined
}

function checkNumber({ type, minimum, maximum }: FieldSchema, value: unknown): FieldProblem | undefined {
  if (typeof value !== 'number' || (type === 'integer' && !Number.isInteger(value))) return 'number'
  return value < (minimum ?? value) || value > (maximum ?? value) ? 'number' : undefined
}

/** What was typed as a number, if it is one; else the text itself, which is then found to be wrong. */
export function typedNumber(text: string): number | string {
  const typed = text.trim().replace(',', '.')
  return /^-?\d{1,15}(\.\d{1,6})?$/.test(typed) ? Number(typed) : text
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))
}

/** `values` with one value set, or left out when it is undefined. */
export function withValue(values: Values, name: string, value: unknown): Values {
  const { [name]: _before, ...others } = values
  return value === undefined ? others : { ...others, [name]: value }
}

/** The problems of one field, by name within it: '' for itself. */
export function problemsWithin(
  problems: Readonly<Record<string, FieldProblem>>,
  name: string,
): Record<string, FieldProblem> {
  const own = Object.entries(problems).flatMap(([path, problem]) =>
    path === name
      ? [['', problem] as const]
      : path.startsWith(`${name}.`)
        ? [[path.slice(name.length + 1), problem] as const]
        : [],
  )
  return Object.fromEntries(own)
}

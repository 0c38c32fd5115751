import { findFieldIn } from '#core/domain/catalogue.ts'
import type { Language } from '#core/domain/category-file.ts'
import { findPurpose } from '#core/domain/purposes.ts'

/** What a line of facts says, as far as it says it; what a scope leaves out is absent. */
export interface EntryFacts {
  readonly type: string
  /** Unix ms. */
  readonly time: number
  readonly vendor: string | undefined
  readonly grant: string | undefined
  readonly purposes: readonly string[]
  readonly fields: readonly string[]
  /** Every other member, in its own words. */
  readonly rest: readonly (readonly [name: string, value: string])[]
}

const told = new Set(['v', 'type', 'time', 'vendor', 'grant', 'purpose', 'fields', 'items'])
const times = new Set(['until', 'redeemBy', 'due', 'from', 'since', 'before', 'expires'])

/** Reads a line of facts for showing, in this language. Proving it is another matter. */
export function readEntryFacts(line: string, language: Language): EntryFacts {
  const facts = JSON.parse(line) as Record<string, unknown>
  const items = Array.isArray(facts['items']) ? (facts['items'] as unknown[]) : [facts]
  const purposes = items.flatMap((item) => textIn(item, 'purpose'))
  const fields = items.flatMap((item) => listIn(item, 'fields'))
  return {
    type: String(facts['type']),
    time: Number(facts['time']),
    vendor: textIn(facts, 'vendor')[0],
    grant: textIn(facts, 'grant')[0],
    purposes: [...new Set(purposes)].map((purpose) => findPurpose(purpose, language)?.title ?? purpose),
    fields: [...new Set(fields)].map((field) => findFieldIn(language, field)?.title ?? field),
    rest: Object.entries(facts)
      .filter(([name]) => !told.has(name))
      .map(([name, value]) => [name, valueOf(name, value)] as const),
  }
}

function valueOf(name: string, value: unknown): string {
  if (times.has(name) && typeof value === 'number') return new Date(value).toISOString()
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function textIn(item: unknown, name: string): string[] {
  const value =
    typeof item === 'object' && item !== null ? (item as Record<string, unknown>)[name] : undefined
  return typeof value === 'string' ? [value] : []
}

function listIn(item: unknown, name: string): string[] {
  const value =
    typeof item === 'object' && item !== null ? (item as Record<string, unknown>)[name] : undefined
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}

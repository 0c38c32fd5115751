import { LRUCache } from 'lru-cache'
import { findField } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import type { Violation } from '#core/domain/errors.ts'
import { parseQuery } from '#core/http/query.ts'
import type { Asked } from './release.ts'

const MAX_FIELDS = 64
const MAX_CHARACTERS = 8_192

/** What a single query asks, and whether the reply shall prove itself. */
export interface SingleQuery {
  readonly asked: Asked
  readonly proof: boolean
}

/** Reads what a single query asks. Few businesses ask in many ways, so what was read is kept by its text, bounded. */
export class AskedReader {
  readonly #known = new LRUCache<string, SingleQuery>({
    max: 1_000,
    maxEntrySize: MAX_CHARACTERS,
    sizeCalculation: size,
  })

  /** `query` is the raw text behind the question mark. Throws `invalid-input` or `unknown-field`. */
  read(query: string): SingleQuery {
    const known = this.#known.get(query)
    if (known !== undefined) return known
    const read = parseAsked(query)
    this.#known.set(query, read)
    return read
  }
}

function size(_read: SingleQuery, query: string): number {
  return Math.max(1, query.length)
}

function parseAsked(query: string): SingleQuery {
  const { fields, purpose, proof, ...others } = parseQuery(query)
  const violations: Violation[] = []
  if (Object.keys(others).length > 0)
    violations.push({ pointer: '', detail: 'only fields, purpose and proof can be asked with' })
  if (purpose === undefined) violations.push({ pointer: 'purpose', detail: 'is missing' })
  else if (!/^dpv:[A-Z][A-Za-z]{2,60}$/.test(purpose))
    violations.push({ pointer: 'purpose', detail: 'must be a DPV purpose such as dpv:DeliveryOfGoods' })
  if (proof !== undefined && proof !== '1') violations.push({ pointer: 'proof', detail: 'can only be 1' })
  const ids = fields?.split(',') ?? []
  if (fields === undefined) violations.push({ pointer: 'fields', detail: 'is missing' })
  else if (ids.length > MAX_FIELDS)
    violations.push({ pointer: 'fields', detail: `must be at most ${MAX_FIELDS}` })
  else if (new Set(ids).size < ids.length)
    violations.push({ pointer: 'fields', detail: 'must not name a field twice' })
  if (violations.length > 0 || purpose === undefined)
    throw new DomainError('invalid-input', 'The query is not valid', { violations })
  return { asked: { purpose, fields: knownFields(ids, () => 'fields') }, proof: proof === '1' }
}

/** The ids as the catalogue spells them. `pointer` names the place of the n-th. Throws `unknown-field`. */
export function knownFields(ids: readonly string[], pointer: (n: number) => string): string[] {
  const fields = ids.map((id) => findField(id)?.id)
  const violations = ids.flatMap((_, n) =>
    fields[n] === undefined ? [{ pointer: pointer(n), detail: 'is not a field of the catalogue' }] : [],
  )
  if (violations.length > 0)
    throw new DomainError('unknown-field', 'A field is not in the catalogue: see /v1/catalogue', {
      violations: violations.slice(0, MAX_FIELDS),
    })
  return fields.filter((id) => id !== undefined)
}

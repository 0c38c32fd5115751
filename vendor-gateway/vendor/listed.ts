import { DomainError } from '#core/domain/errors.ts'
import type { Violation } from '#core/domain/errors.ts'
import { parseQuery } from '#core/http/query.ts'

const USUAL_ROWS = 50
const MOST_ROWS = 200

/** The state of the log and the time at which somebody looked; what comes later is found by either. */
export interface AsOf {
  /** Number of entries. */
  readonly size: number
  /** Unix ms. */
  readonly time: number
}

/** What a list is asked for. */
export interface ListQuery<Filter extends string> {
  readonly limit: number
  readonly after: string | undefined
  readonly changedSince: AsOf | undefined
  readonly filters: { readonly [Name in Filter]?: string }
}

type FilterName = 'state' | 'subject' | 'purpose' | 'grant_id' | 'request_id'

const forms: Readonly<Record<Exclude<FilterName, 'state'>, readonly [form: RegExp, fault: string]>> = {
  subject: [/^[^\s]{1,64}$/, 'must be a subject'],
  purpose: [/^dpv:[A-Z][A-Za-z]{2,60}$/, 'must be a DPV purpose such as dpv:DeliveryOfGoods'],
  grant_id: [/^[A-Za-z0-9_-]{16,64}$/, 'must be an id'],
  request_id: [/^[A-Za-z0-9_-]{16,64}$/, 'must be an id'],
}

/** Reads the query of a list. `states` are those that `state` may name. Throws `invalid-input`. */
export function readListQuery<Filter extends FilterName>(
  query: string,
  { filters: names, states }: { filters: readonly Filter[]; states: readonly string[] },
): ListQuery<Filter> {
  const { after, limit = String(USUAL_ROWS), changed_since: since, ...others } = parseQuery(query)
  const violations: Violation[] = []
  const add = (pointer: string, detail: string) => violations.push({ pointer, detail })
  const rows = /^[1-9][0-9]{0,2}$/.test(limit) ? Number(limit) : 0
  if (rows < 1 || rows > MOST_ROWS) add('limit', `must be 1 to ${MOST_ROWS}`)
  const changedSince = since === undefined ? undefined : readAsOf(since)
  if (since !== undefined && changedSince === undefined)
    add('changed_since', 'is no as_of that was handed out')
  const filters: { [Name in Filter]?: string } = {}
  for (const [name, value] of Object.entries(others)) {
    const filter = names.find((known) => known === name)
    const [form, fault] =
      filter === undefined || filter === 'state' ? [] : forms[filter as keyof typeof forms]
    if (filter === undefined)
      add('', `only after, limit, changed_since, ${names.join(', ')} can be asked with`)
    else if (filter === 'state' && !states.includes(value))
      add('state', `must be one of: ${states.join(', ')}`)
    else if (form !== undefined && !form.test(value)) add(filter, fault ?? '')
    else filters[filter] = value
  }
  if (violations.length > 0) throw new DomainError('invalid-input', 'The query is not valid', { violations })
  return { limit: rows, after, changedSince, filters }
}

export function writeAsOf({ size, time }: AsOf): string {
  return `${size}.${time}`
}

function readAsOf(text: string): AsOf | undefined {
  const [, size, time] = /^(0|[1-9][0-9]{0,14})\.([0-9]{1,14})$/.exec(text) ?? []
  return size === undefined || time === undefined ? undefined : { size: Number(size), time: Number(time) }
}

import type { AccessRequest, GrantedItem, RequestedItem } from '#schemas/types.gen.ts'
import { canonical } from './canonical.ts'
import { DomainError } from './errors.ts'
import { longestGrant, suggestedGrant } from './times.ts'

/** The customer's answers. An item that is not named, or named without fields, is refused. */
export interface Answers {
  readonly decision: 'allow' | 'deny' | 'later'
  readonly items?: readonly { readonly id: string; readonly fields: readonly string[] }[]
  /** Unix ms, inclusive; only with `allow`, and then always: nobody allows without having seen an end. */
  readonly until?: number
  /** At most so many reads in all; only with `allow`. */
  readonly reads?: number
}

/** What was allowed. */
export interface AllowedTerms {
  readonly items: readonly GrantedItem[]
  readonly until: number
  readonly reads?: number
}

export type Outcome =
  | ({ readonly status: 'allowed' } & AllowedTerms)
  | { readonly status: 'refused' }
  | { readonly status: 'later' }

/** The highest budget that can be chosen; the schemas say the same. */
const mostReads = 1_000_000

type Asked = Pick<AccessRequest, 'items' | 'until' | 'status' | 'expiresAt'>

/**
 * What the answers come to. Everything granted was asked, item by item and field by field, and ends no later
 * than asked and than 365 days from now; there are no exceptions that could be left out, so leaving something
 * out only narrows. Throws `request-expired`, `request-decided`, `nothing-selected`, `required-item-refused`
 * or `invalid-input`.
 */
export function decide(request: Asked, answers: Answers, now: number): Outcome {
  if (request.status === 'allowed' || request.status === 'refused') {
    throw new DomainError('request-decided', 'This request has been answered.')
  }
  if (now > request.expiresAt || now >= request.until) {
    throw new DomainError('request-expired', 'This request can no longer be answered.')
  }
  if (answers.decision === 'deny') return { status: 'refused' }
  if (answers.decision === 'later') return { status: 'later' }
  const items = grantedItems(request.items, answers.items ?? [])
  if (items.length === 0)
    throw new DomainError('nothing-selected', 'Nothing was selected: that is a refusal.')
  if (!request.items.every((item) => !item.required || isWhole(item, items))) {
    throw new DomainError(
      'required-item-refused',
      'A required item was refused or cut: the request can only be denied.',
    )
  }
  return { status: 'allowed', items, until: endOf(request, answers.until, now), ...readsOf(answers.reads) }
}

/** The latest end that may be chosen, Unix ms. */
export function latestUntil(request: Pick<AccessRequest, 'until'>, now: number): number {
  return Math.min(request.until, now + longestGrant)
}

/** The end that is suggested: the shorter of what was asked and 90 days. Unix ms. */
export function suggestedUntil(request: Pick<AccessRequest, 'until'>, now: number): number {
  return Math.min(latestUntil(request, now), now + suggestedGrant)
}

/** One text for answers that mean the same, to tell a repeated decision from another one. */
export function answersText(answers: Answers): string {
  if (answers.decision !== 'allow') return canonical({ decision: answers.decision })
  const items = (answers.items ?? [])
    .filter((item) => item.fields.length > 0)
    .map((item) => ({ id: item.id, fields: item.fields.toSorted() }))
    .toSorted((one, other) => (one.id < other.id ? -1 : 1))
  return canonical({
    decision: 'allow',
    items,
    until: answers.until,
    ...(answers.reads === undefined ? {} : { reads: answers.reads }),
  })
}

/**
 * What is granted of what was asked, in the order of the request, fields too, whatever the order of the answers.
 * Throws `invalid-input` for what was not asked.
 */
export function grantedItems(
  asked: readonly RequestedItem[],
  answered: NonNullable<Answers['items']>,
): GrantedItem[] {
  const byId = new Map(answered.map((item) => [item.id, new Set(item.fields)]))
  if (byId.size !== answered.length) throw invalid('/items', 'an item is answered twice')
  answered.forEach((answer, index) => {
    const item = asked.find((one) => one.id === answer.id)
    if (item === undefined) throw invalid(`/items/${index}/id`, 'was not asked')
    if (!answer.fields.every((field) => item.fields.includes(field))) {
      throw invalid(`/items/${index}/fields`, 'holds what was not asked')
    }
  })
  return asked.flatMap(({ id, purpose, fields }) => {
    const granted = fields.filter((field) => byId.get(id)?.has(field))
    return granted.length === 0 ? [] : [{ id, purpose, fields: granted }]
  })
}

function isWhole(item: RequestedItem, granted: readonly GrantedItem[]): boolean {
  return granted.find((one) => one.id === item.id)?.fields.length === item.fields.length
}

/** Checks an end that was chosen: in the future, and not later than was asked or can be (`invalid-input`). */
export function endOf(request: Pick<AccessRequest, 'until'>, until: number | undefined, now: number): number {
  if (until === undefined) throw invalid('/until', 'an end is needed')
  if (!Number.isSafeInteger(until) || until <= now) throw invalid('/until', 'is not in the future')
  if (until > latestUntil(request, now)) throw invalid('/until', 'is later than was asked or can be')
  return until
}

/** A budget that was chosen, to be spread into a grant: there is none without a choice. */
export function readsOf(reads: number | undefined): { reads?: number } {
  if (reads === undefined) return {}
  if (!Number.isSafeInteger(reads) || reads < 1 || reads > mostReads)
    throw invalid('/reads', `is no number from 1 to ${mostReads}`)
  return { reads }
}

function invalid(pointer: string, detail: string): DomainError {
  return new DomainError('invalid-input', 'The answers do not fit the request.', {
    violations: [{ pointer, detail }],
  })
}

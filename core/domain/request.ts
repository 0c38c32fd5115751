import type { AccessRequestDetails, AskedItem, Recipient, RequestedItem } from '#schemas/types.gen.ts'
import { canonical } from './canonical.ts'
import { isField } from './catalogue.ts'
import { mostDays } from './durations.ts'
import { DomainError } from './errors.ts'
import type { Violation } from './errors.ts'
import { plainTextFault } from './plain-text.ts'
import { findPurpose, isRefusedPurpose } from './purposes.ts'
import { longestGrant, parseTime } from './times.ts'

/** What a business asks, checked and completed: what is shown, hashed, stored and decided. */
export interface NormalizedRequest {
  readonly vendorId: string
  readonly items: RequestedItem[]
  /** ISO 8601 duration. */
  readonly retention: string
  readonly recipients: Recipient[]
  /** Unix ms. */
  readonly until: number
}

/** Fields of all items together: what fits into a token, and what a person can look through. */
const mostFields = 64
/** Days a business may say it keeps what it read: ten years. */
const mostRetention = 10 * 366

type Add = (pointer: string, detail: string) => void

/**
 * The rules beyond the schema `api/access-request-details.json`, which the details have passed. Throws
 * `invalid-input` with every violation found; pointers begin at the details, such as `/items/0/purpose`.
 */
export function normalizeRequest(
  details: AccessRequestDetails,
  { vendorId, now }: { vendorId: string; now: number },
): NormalizedRequest {
  const violations: Violation[] = []
  const add: Add = (pointer, detail) => violations.push({ pointer, detail })
  const items = itemsWithIds(details.items, add)
  const until = untilOf(details.until, now, add)
  checkItems(items, add)
  checkRetention(details.retention, add)
  checkRecipients(details.recipients, add)
  if (violations.length > 0 || until === undefined) {
    throw new DomainError('invalid-input', 'The access request breaks a rule.', { violations })
  }
  const { retention, recipients } = details
  return { vendorId, items, retention, recipients: recipients.map(pickRecipient), until }
}

/** The one text of a request: whoever has it can compute the hash that the customer's decision names. */
export function requestText(request: NormalizedRequest): string {
  const { vendorId, items, retention, recipients, until } = request
  return canonical({ vendorId, items, retention, recipients, until })
}

function itemsWithIds(asked: readonly AskedItem[], add: Add): RequestedItem[] {
  if (asked.length === 0) add('/items', 'at least one item')
  const given = asked.map((item) => item.id).filter((id) => id !== undefined)
  const taken = new Set(given)
  asked.forEach(({ id }, index) => {
    if (id !== undefined && given.indexOf(id) !== given.lastIndexOf(id))
      add(`/items/${index}/id`, 'is not unique')
  })
  let number = 0
  const next = (): string => {
    do number += 1
    while (taken.has(`item-${number}`))
    return `item-${number}`
  }
  return asked.map(({ id, purpose, fields, why, required }) => ({
    id: id ?? next(),
    purpose,
    fields: [...fields],
    why,
    required,
  }))
}

function checkItems(items: readonly RequestedItem[], add: Add): void {
  const asked = new Set<string>()
  items.forEach((item, index) => {
    const at = `/items/${index}`
    if (isRefusedPurpose(item.purpose)) add(`${at}/purpose`, 'nobody may ask for this purpose here')
    else if (findPurpose(item.purpose) === undefined)
      add(`${at}/purpose`, 'is no purpose that may be asked for')
    const fault = plainTextFault(item.why)
    if (fault !== undefined) add(`${at}/why`, fault)
    if (item.fields.length === 0) add(`${at}/fields`, 'at least one field')
    item.fields.forEach((field, position) => {
      const pointer = `${at}/fields/${position}`
      if (!isField(field)) add(pointer, 'is no field of the catalogue')
      // Asked for twice for one purpose, refusing the one would change nothing: the other would still let it
      // out.
      const scope = `${item.purpose} ${field}`
      if (asked.has(scope)) add(pointer, 'is asked for twice for the same purpose')
      asked.add(scope)
    })
  })
  if (items.reduce((sum, item) => sum + item.fields.length, 0) > mostFields) {
    add('/items', `more than ${mostFields} fields in all`)
  }
}

function untilOf(text: string, now: number, add: Add): number | undefined {
  const until = parseTime(text)
  if (until === undefined) add('/until', 'is no RFC 3339 date and time')
  else if (until <= now) add('/until', 'has passed')
  else if (until > now + longestGrant) add('/until', 'is more than 365 days ahead')
  return until
}

function checkRetention(retention: string, add: Add): void {
  const days = mostDays(retention)
  if (days === undefined) add('/retention', 'is no duration such as P30D')
  else if (days === 0) add('/retention', 'is no time at all')
  else if (days > mostRetention) add('/retention', 'is more than ten years')
}

function checkRecipients(recipients: readonly Recipient[], add: Add): void {
  const names = new Set<string>()
  recipients.forEach(({ name, role, url }, index) => {
    const at = `/recipients/${index}`
    const nameFault = plainTextFault(name, { addresses: 'allowed' })
    if (nameFault !== undefined) add(`${at}/name`, nameFault)
    const roleFault = plainTextFault(role)
    if (roleFault !== undefined) add(`${at}/role`, roleFault)
    if (url !== undefined && !isPublicSite(url)) add(`${at}/url`, 'is no plain https address')
    const spelled = name.normalize('NFKC').toLowerCase()
    if (names.has(spelled)) add(`${at}/name`, 'is named twice')
    names.add(spelled)
  })
}

/** An https address that shows where it leads: a host name with a dot, without credentials. */
function isPublicSite(text: string): boolean {
  if (!URL.canParse(text) || /[^\x21-\x7e]/.test(text)) return false
  const { protocol, username, password, hostname } = new URL(text)
  return (
    protocol === 'https:' &&
    username === '' &&
    password === '' &&
    /^[^.[\]]+(\.[^.]+)*\.[a-z][^.]+$/.test(hostname)
  )
}

function pickRecipient({ name, role, url }: Recipient): Recipient {
  return url === undefined ? { name, role } : { name, role, url }
}

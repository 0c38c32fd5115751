/** What a customer's activity is narrowed to: one rule, for the vault and for a page that has no network. */
import type { ActivityItem, ActivityQuery } from '#schemas/types.gen.ts'
import type { FactType } from './facts.ts'

export type ActivityKind = NonNullable<ActivityQuery['kind']>

export const activityKinds = [
  'reads',
  'refusals',
  'decisions',
  'changes',
  'auditors',
  'security',
] as const satisfies readonly ActivityKind[]

/** An entry may be of more than one kind: what she denied is a decision and a refusal. */
const kindsOf: Readonly<Record<FactType, readonly ActivityKind[]>> = {
  disclosed: ['reads'],
  requested: ['refusals'],
  refused: ['refusals', 'decisions'],
  'turned-away': ['refusals'],
  'disclosures-refused': ['refusals'],
  granted: ['decisions'],
  deferred: ['decisions'],
  blocked: ['decisions'],
  unblocked: ['decisions'],
  changed: ['decisions', 'changes'],
  paused: ['decisions', 'changes'],
  resumed: ['decisions', 'changes'],
  withdrawn: ['decisions', 'changes'],
  'deletion-requested': ['decisions'],
  redeemed: ['changes'],
  relinquished: ['changes'],
  acknowledged: ['changes'],
  expired: ['changes'],
  unredeemed: ['changes'],
  audited: ['auditors'],
  'access-lost': ['security'],
  'access-restored': ['security'],
  'category-lost': ['security'],
  'category-restored': ['security'],
  'pod-moved': ['security'],
  'erasure-begun': ['security'],
  erased: ['security'],
  'log-key-changed': ['security'],
  'signing-key-changed': ['security'],
  'log-recovered': ['security'],
  'auditor-invited': ['auditors'],
  'auditor-joined': ['auditors'],
  'auditor-revoked': ['auditors'],
  'vendor-admitted': ['changes'],
  'vendor-suspended': ['changes'],
  'vendor-reinstated': ['changes'],
  'vendor-changed': ['changes'],
  'vendor-domain-proven': ['changes'],
  'vendor-domain-lost': ['changes'],
  'vendor-keys-changed': ['changes'],
  'vendor-keys-revoked': ['changes'],
  'vendor-removed': ['changes'],
}

export type ActivityFilter = Pick<ActivityQuery, 'business' | 'kind' | 'field' | 'from' | 'to' | 'q'>

/** Whether an entry, in the reader's words, is one that is looked for. Times are RFC 3339; `to` is the first that is not. */
export function fits(item: ActivityItem, { business, kind, field, from, to, q }: ActivityFilter): boolean {
  const time = Date.parse(item.time)
  return (
    (business === undefined || item.vendor?.vendorId === business) &&
    (kind === undefined || isOfKind(item.type, kind)) &&
    (field === undefined || touches(item, field)) &&
    (from === undefined || time >= Date.parse(from)) &&
    (to === undefined || time < Date.parse(to)) &&
    (q === undefined || says(item, q))
  )
}

function isOfKind(type: string, kind: ActivityKind): boolean {
  return Object.hasOwn(kindsOf, type) && kindsOf[type as FactType].includes(kind)
}

function touches({ fields = [], category }: ActivityItem, asked: string): boolean {
  return category === asked || fields.some(({ field }) => field === asked || field.startsWith(`${asked}.`))
}

function says({ vendor, fields = [], purposeTitle, audit }: ActivityItem, q: string): boolean {
  const told = [
    vendor?.name,
    vendor?.legalName,
    vendor?.domain,
    ...fields.map(({ title }) => title),
    purposeTitle,
    audit?.auditor,
    audit?.because,
  ]
  const text = plain(told.filter((one) => one !== undefined).join('\n'))
  return plain(q)
    .split(/\s+/u)
    .every((word) => text.includes(word))
}

/** Without case and accents. */
function plain(text: string): string {
  return text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase()
}

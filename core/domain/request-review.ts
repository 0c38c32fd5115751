import type { RequestedItem, Vendor } from '#schemas/types.gen.ts'
import { fields as catalogue, findField } from './catalogue.ts'
import type { DerivedField } from './catalogue.ts'
import { mostDays } from './durations.ts'
import type { NormalizedRequest } from './request.ts'
import { day, suggestedGrant } from './times.ts'

/** What a business is advised to ask less of, or to say. None of it stops a request. Codes never change meaning. */
export const adviceCodes = {
  /** More than the purpose needs. */
  'not-needed': 'over-asking',
  'answer-would-do': 'over-asking',
  'special-category': 'over-asking',
  sensitive: 'over-asking',
  'long-retention': 'over-asking',
  'long-access': 'over-asking',
  'nothing-optional': 'over-asking',
  'advertising-required': 'over-asking',
  /** Something that customers look for and do not find. */
  'vague-why': 'missing-statement',
  'repeated-why': 'missing-statement',
  'recipients-unlikely': 'missing-statement',
  'no-privacy-policy': 'missing-statement',
  'no-contact': 'missing-statement',
} as const
export type AdviceCode = keyof typeof adviceCodes

export interface Advice {
  readonly code: AdviceCode
  readonly kind: (typeof adviceCodes)[AdviceCode]
  /** JSON Pointer into the details; empty for what concerns the business itself. */
  readonly pointer: string
  readonly detail: string
  /** Fields that would do in its place. */
  readonly instead?: readonly string[]
}

/** What a purpose takes by its nature: ids of fields, or all of a category. */
interface Need {
  readonly only?: readonly string[]
  readonly never?: readonly string[]
  /** Days for which keeping what was read is usual; a year where nothing is said. */
  readonly keeps?: number
  /** Is hardly ever done without somebody else. */
  readonly shares?: true
}

const reach = ['profile.name', 'contact.*']
const person = [
  'profile.name',
  'profile.birthDate',
  'profile.picture',
  'contact.email',
  'contact.phone',
  'contact.address',
]
const year = 366
/** Papers of a trade are kept by law. */
const papers = 10 * year

/** A purpose without a line here is judged by the sensitivity of its fields alone. */
const needs: Readonly<Record<string, Need>> = {
  'dpv:DeliveryOfGoods': { only: [...reach, 'household.home'], shares: true },
  'dpv:CustomerCare': {
    only: [
      ...reach,
      'profile.languages',
      'contact-rules.*',
      'purchases.*',
      'accessibility.*',
      'belongings.*',
    ],
  },
  'dpv:CustomerOrderManagement': { only: [...reach, 'sizes.*', 'purchases.*'], keeps: papers },
  'dpv:CustomerClaimsManagement': { only: [...reach, 'purchases.*', 'belongings.*'], keeps: papers },
  'dpv:PaymentManagement': { only: reach, keeps: papers, shares: true },
  'dpv:ServiceRegistration': { only: [...reach, 'profile.languages', 'contact-rules.*', 'accessibility.*'] },
  'dpv:IdentityVerification': { only: person },
  'dpv:AgeVerification': {
    only: ['profile.ageOver16', 'profile.ageOver18', 'profile.ageOver21', 'profile.ageBand'],
    keeps: 31,
  },
  'dpv:FraudPreventionAndDetection': { only: person },
  'dpv:ServicePersonalisation': { never: person },
  'dpv:ProvideProductRecommendations': { never: person },
  'dpv:DirectMarketing': {
    never: ['profile.birthDate', 'profile.picture', 'accessibility.*', 'diet.*', 'household.*'],
  },
}

const advertising: ReadonlySet<string> = new Set(['dpv:DirectMarketing', 'dpv:ProvideProductRecommendations'])

/**
 * Names what a request asks beyond its purposes, and what it leaves unsaid, before any customer sees it. `now` in Unix
 * ms. Pointers lead into the details as the business wrote them.
 */
export function reviewRequest(
  request: NormalizedRequest,
  { vendor, now }: { vendor: Pick<Vendor, 'privacyPolicy' | 'contact'>; now: number },
): Advice[] {
  const { items, retention, recipients, until } = request
  const found = items.flatMap((item, i) => [...adviceOnFields(item, i), ...adviceOnWords(items, i)])
  const add = (code: AdviceCode, pointer: string, detail: string) => found.push(advice(code, pointer, detail))
  const usual = Math.max(...items.map(({ purpose }) => needs[purpose]?.keeps ?? year))
  if ((mostDays(retention) ?? 0) > usual)
    add('long-retention', '/retention', `is longer than the ${usual} days that are usual for what you name`)
  if (until - now > suggestedGrant)
    add(
      'long-access',
      '/until',
      `customers are offered ${suggestedGrant / day} days, and have to choose more themselves`,
    )
  if (items.length > 1 && items.every((item) => item.required))
    add('nothing-optional', '/items', 'leaves nothing to refuse but the whole')
  if (recipients.length === 0 && items.some(({ purpose }) => needs[purpose]?.shares))
    add(
      'recipients-unlikely',
      '/recipients',
      'states that nobody else gets the data, which is rare for what you name',
    )
  if (vendor.privacyPolicy === undefined)
    add('no-privacy-policy', '', 'the operator has no address of your privacy policy to show')
  if (vendor.contact === undefined) add('no-contact', '', 'the operator has no contact of yours to show')
  return found
}

function adviceOnFields({ purpose, fields, required }: RequestedItem, i: number): Advice[] {
  const need = needs[purpose] ?? {}
  const found = fields.flatMap((id, j) => {
    const field = findField(id)
    const pointer = `/items/${i}/fields/${j}`
    const isTaken = need.only?.some((one) => covers(one, id))
    const isBeyond = isTaken === false || need.never?.some((one) => covers(one, id)) === true
    const instead = isTaken === true ? [] : answersOf(id)
    const told: Advice[] = []
    if (isBeyond) told.push(advice('not-needed', pointer, `${purpose} does not need it`))
    if (instead.length > 0)
      told.push({ ...advice('answer-would-do', pointer, 'an answer may do in place of the data'), instead })
    if (field?.sensitivity === 'special')
      told.push(
        advice('special-category', pointer, 'is special under Art. 9 GDPR: ask only where nothing else does'),
      )
    else if (field?.sensitivity === 'sensitive' && isTaken !== true)
      told.push(advice('sensitive', pointer, 'is sensitive: customers often refuse it'))
    return told
  })
  if (required && advertising.has(purpose))
    found.push(
      advice('advertising-required', `/items/${i}/required`, 'makes advertising the price of the rest'),
    )
  return found
}

function adviceOnWords(items: readonly RequestedItem[], i: number): Advice[] {
  const why = items[i]?.why ?? ''
  const pointer = `/items/${i}/why`
  if (why.trim().split(/\s+/).length < 3)
    return [advice('vague-why', pointer, 'says too little to decide on')]
  const first = items.findIndex((item) => item.why === why)
  return first < i ? [advice('repeated-why', pointer, `is the same as that of item ${first + 1}`)] : []
}

/** Derived fields that say less than this one. */
function answersOf(id: string): string[] {
  const answers = catalogue.filter((field): field is DerivedField => field.kind === 'derived' && field.hides)
  return answers.filter(({ from }) => from.includes(id)).map((field) => field.id)
}

function covers(one: string, id: string): boolean {
  return one.endsWith('.*') ? id.startsWith(one.slice(0, -1)) : one === id
}

function advice(code: AdviceCode, pointer: string, detail: string): Advice {
  return { code, kind: adviceCodes[code], pointer, detail }
}

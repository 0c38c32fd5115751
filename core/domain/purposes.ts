/**
 * The purposes a business may name: W3C DPV 2.3 purposes (https://w3id.org/dpv, W3C Software and Document
 * licence) in plain words of ours. A purpose stands for itself alone: allowing it allows none above or below
 * it in the vocabulary.
 */
export interface Purpose {
  /** `dpv:Term`. */
  readonly id: string
  /** What the business does, to follow "to": "read your shoe size to suggest products". */
  readonly phrase: string
  readonly title: string
}

const allowed = {
  RequestedServiceProvision: ['Provide a service you asked for', 'provide a service you asked for'],
  DeliveryOfGoods: ['Deliver goods', 'deliver what you ordered'],
  CustomerCare: ['Customer care', 'answer your questions and help you'],
  CustomerOrderManagement: ['Handle orders', 'handle your orders'],
  CustomerClaimsManagement: ['Handle complaints and claims', 'handle your complaints and claims'],
  PaymentManagement: ['Handle payments', 'handle your payments'],
  ServiceRegistration: ['Register you', 'register you for a service'],
  IdentityVerification: ['Check your identity', 'check who you are'],
  AgeVerification: ['Check your age', 'check your age'],
  FraudPreventionAndDetection: ['Prevent fraud', 'prevent and detect fraud'],
  ServicePersonalisation: ['Fit a service to you', 'fit its service to you'],
  ProvideProductRecommendations: ['Suggest products', 'suggest products'],
  DirectMarketing: ['Advertise to you directly', 'send you advertising'],
} as const satisfies Record<string, readonly [title: string, phrase: string]>

/** Purposes that nobody can ask for here, whatever the customer would answer. */
const refused: ReadonlySet<string> = new Set(
  ['SellDataToThirdParties', 'SellInsightsFromData', 'TargetedAdvertising', 'PoliticalCampaign'].map(
    (term) => `dpv:${term}`,
  ),
)

export const purposes: readonly Purpose[] = Object.entries(allowed).map(([term, [title, phrase]]) => ({
  id: `dpv:${term}`,
  title,
  phrase,
}))

const byId: ReadonlyMap<string, Purpose> = new Map(purposes.map((purpose) => [purpose.id, purpose]))

/** `undefined` for what may not be asked for. */
export function findPurpose(id: string): Purpose | undefined {
  return byId.get(id)
}

/** Known, and never allowed. */
export function isRefusedPurpose(id: string): boolean {
  return refused.has(id)
}

/**
 * IRI of a purpose or a personal-data type: `dpv:X` in the main vocabulary, `pd:X` in the one of data types.
 */
export function dpvIri(prefixed: string): string {
  const [prefix, term] = prefixed.split(':')
  const base = prefix === 'pd' ? 'https://w3id.org/dpv/pd#' : 'https://w3id.org/dpv#'
  return `${base}${term ?? ''}`
}

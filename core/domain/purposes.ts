import type { Language } from './category-file.ts'

/**
 * The purposes a business may name: W3C DPV 2.3 purposes (https://w3id.org/dpv, W3C Software and Document
 * licence) in plain words of ours. A purpose stands for itself alone: allowing it allows none above or below
 * it in the vocabulary.
 */
export interface Purpose {
  /** `dpv:Term`. */
  readonly id: string
  /**
   * What the business does, to follow "to" in English ("read your shoe size to suggest products"), "um" in German, and
   * the verb in Arabic.
   */
  readonly phrase: string
  readonly title: string
}

type Words = readonly [title: string, phrase: string]

const allowed: Readonly<Record<string, Readonly<Record<Language, Words>>>> = {
  RequestedServiceProvision: {
    en: ['Provide a service you asked for', 'provide a service you asked for'],
    de: ['Angefragte Leistung erbringen', 'eine Leistung zu erbringen, die Sie angefragt haben'],
    ar: ['تقديم خدمة طلبتها', 'لتقديم خدمة طلبتها'],
  },
  DeliveryOfGoods: {
    en: ['Deliver goods', 'deliver what you ordered'],
    de: ['Waren liefern', 'zu liefern, was Sie bestellt haben'],
    ar: ['تسليم البضائع', 'لتسليم ما اشتريته'],
  },
  CustomerCare: {
    en: ['Customer care', 'answer your questions and help you'],
    de: ['Kundenbetreuung', 'Ihre Fragen zu beantworten und Ihnen zu helfen'],
    ar: ['خدمة العملاء', 'للإجابة عن أسئلتك ومساعدتك'],
  },
  CustomerOrderManagement: {
    en: ['Handle orders', 'handle your orders'],
    de: ['Bestellungen bearbeiten', 'Ihre Bestellungen zu bearbeiten'],
    ar: ['معالجة طلبات الشراء', 'لمعالجة طلبات شرائك'],
  },
  CustomerClaimsManagement: {
    en: ['Handle complaints and claims', 'handle your complaints and claims'],
    de: ['Beschwerden und Ansprüche bearbeiten', 'Ihre Beschwerden und Ansprüche zu bearbeiten'],
    ar: ['معالجة الشكاوى والمطالبات', 'لمعالجة شكاواك ومطالباتك'],
  },
  PaymentManagement: {
    en: ['Handle payments', 'handle your payments'],
    de: ['Zahlungen abwickeln', 'Ihre Zahlungen abzuwickeln'],
    ar: ['معالجة المدفوعات', 'لمعالجة مدفوعاتك'],
  },
  ServiceRegistration: {
    en: ['Register you', 'register you for a service'],
    de: ['Sie registrieren', 'Sie für einen Dienst zu registrieren'],
    ar: ['تسجيلك', 'لتسجيلك في خدمة'],
  },
  IdentityVerification: {
    en: ['Check your identity', 'check who you are'],
    de: ['Ihre Identität prüfen', 'zu prüfen, wer Sie sind'],
    ar: ['التحقق من هويتك', 'للتحقق من هويتك'],
  },
  AgeVerification: {
    en: ['Check your age', 'check your age'],
    de: ['Ihr Alter prüfen', 'Ihr Alter zu prüfen'],
    ar: ['التحقق من عمرك', 'للتحقق من عمرك'],
  },
  FraudPreventionAndDetection: {
    en: ['Prevent fraud', 'prevent and detect fraud'],
    de: ['Betrug verhindern', 'Betrug zu verhindern und zu erkennen'],
    ar: ['منع الاحتيال', 'لمنع الاحتيال وكشفه'],
  },
  ServicePersonalisation: {
    en: ['Fit a service to you', 'fit its service to you'],
    de: ['Einen Dienst an Sie anpassen', 'seinen Dienst an Sie anzupassen'],
    ar: ['ملاءمة خدمة لك', 'لملاءمة خدمتها لك'],
  },
  ProvideProductRecommendations: {
    en: ['Suggest products', 'suggest products'],
    de: ['Produkte vorschlagen', 'Ihnen Produkte vorzuschlagen'],
    ar: ['اقتراح منتجات', 'لاقتراح منتجات عليك'],
  },
  DirectMarketing: {
    en: ['Advertise to you directly', 'send you advertising'],
    de: ['Sie direkt bewerben', 'Ihnen Werbung zu senden'],
    ar: ['الإعلان لك مباشرة', 'لإرسال إعلانات إليك'],
  },
}

/** Purposes that nobody can ask for here, whatever the customer would answer. */
const refused: ReadonlySet<string> = new Set(
  ['SellDataToThirdParties', 'SellInsightsFromData', 'TargetedAdvertising', 'PoliticalCampaign'].map(
    (term) => `dpv:${term}`,
  ),
)

const spoken: Readonly<Record<Language, ReadonlyMap<string, Purpose>>> = {
  en: inWords('en'),
  de: inWords('de'),
  ar: inWords('ar'),
}

function inWords(language: Language): ReadonlyMap<string, Purpose> {
  return new Map(
    Object.entries(allowed).map(([term, words]) => {
      const [title, phrase] = words[language]
      return [`dpv:${term}`, { id: `dpv:${term}`, title, phrase }]
    }),
  )
}

/** Every purpose that may be asked for, with the words of a language. */
export function purposesIn(language: Language): readonly Purpose[] {
  return [...spoken[language].values()]
}

/** In English, the language of whatever is stored. */
export const purposes: readonly Purpose[] = purposesIn('en')

/** `undefined` for what may not be asked for. */
export function findPurpose(id: string, language: Language = 'en'): Purpose | undefined {
  return spoken[language].get(id)
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

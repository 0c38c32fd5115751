/**
 * Consents as records that others read, made from the facts of a log and from nothing else: ISO/IEC TS 27560 in the terms of W3C
 * DPV, and the record of processing of GDPR Art. 30. No person is in them; what the log does not say is said to be not stated.
 */
import { findField } from './catalogue.ts'
import type { FactItem } from './facts.ts'
import { findPurpose } from './purposes.ts'
import { Replay } from './replay.ts'
import type { GrantStatus, LoggedFact, ReplayedGrant } from './replay.ts'
import { formatTime } from './times.ts'

/** A step in the life of one consent. */
interface Step {
  readonly type: string
  readonly time: number
  readonly index: number
  readonly notice?: string
  readonly until?: number
}

const statusOf: Readonly<Record<string, string>> = {
  requested: 'dpv:ConsentRequested',
  deferred: 'dpv:ConsentRequestDeferred',
  refused: 'dpv:ConsentRefused',
  granted: 'dpv:ConsentGiven',
  changed: 'dpv:RenewedConsentGiven',
  withdrawn: 'dpv:ConsentWithdrawn',
  relinquished: 'dpv:ConsentRevoked',
  expired: 'dpv:ConsentExpired',
  unredeemed: 'dpv:ConsentExpired',
}

/** Collects what a log says of each request and grant, entry by entry in its order. */
export class ConsentRecords {
  readonly #replay = new Replay()
  /** By request. */
  readonly #asked = new Map<
    string,
    { vendor: string; items: readonly FactItem[]; steps: Step[]; grant?: string }
  >()
  readonly #steps = new Map<string, Step[]>()
  #last = 0

  see(logged: LoggedFact): void {
    this.#replay.see(logged)
    const { index, fact } = logged
    this.#last = Math.max(this.#last, fact.time)
    const { type, time } = fact
    const step: Step = {
      type,
      time,
      index,
      ...('notice' in fact && { notice: fact.notice }),
      ...('until' in fact && { until: fact.until }),
    }
    if (fact.type === 'requested')
      this.#asked.set(fact.request, { vendor: fact.vendor, items: fact.items, steps: [step] })
    else if (fact.type === 'granted') {
      const asked = this.#asked.get(fact.request)
      if (asked !== undefined) asked.grant = fact.grant
      this.#steps.set(fact.grant, [...(asked?.steps ?? []), step])
    } else if ('request' in fact) this.#asked.get(fact.request)?.steps.push(step)
    else if ('grant' in fact && fact.grant !== undefined && type !== 'disclosed')
      this.#steps.get(fact.grant)?.push(step)
  }

  /** Unix ms of the newest entry. */
  get asOf(): number {
    return this.#last
  }

  grants(): ReplayedGrant[] {
    return [...this.#replay.grants(this.#last)]
  }

  /** One JSON-LD record per grant, and per request that never became one. `origin`: of the log. */
  *records(origin: string, names: ReadonlyMap<string, string>): Generator<object> {
    for (const grant of this.grants())
      yield recordOf({
        id: grant.grant,
        vendor: grant.vendor,
        items: grant.items,
        steps: this.#steps.get(grant.grant) ?? [],
        origin,
        names,
        standing: grant,
      })
    for (const [id, { vendor, items, steps, grant }] of this.#asked)
      if (grant === undefined) yield recordOf({ id, vendor, items, steps, origin, names })
  }
}

const context = {
  dpv: 'https://w3id.org/dpv#',
  pd: 'https://w3id.org/dpv/pd#',
  dct: 'http://purl.org/dc/terms/',
  reach: 'urn:reach:receipt:1#',
} as const
const notStated = 'not stated'

function recordOf({
  id,
  vendor,
  items,
  steps,
  origin,
  names,
  standing,
}: {
  id: string
  vendor: string
  items: readonly FactItem[]
  steps: readonly Step[]
  origin: string
  names: ReadonlyMap<string, string>
  standing?: ReplayedGrant
}): object {
  const notice = steps.findLast((step) => step.notice !== undefined)?.notice
  return {
    '@context': context,
    '@type': 'dpv:ConsentRecord',
    'dct:conformsTo': 'https://w3id.org/dpv/schema/dpv-27560#record',
    'dct:identifier': id,
    'dct:publisher': origin,
    // A pause has no state in DPV: given, but nothing may be processed until it is over.
    ...(standing && { 'reach:state': standing.state, 'reach:disclosed': standing.disclosed }),
    // The person is committed to in the log and named to nobody.
    'dpv:hasDataSubject': { '@type': 'dpv:DataSubject', 'dct:identifier': id },
    'dpv:hasNotice': {
      '@type': 'dpv:ConsentNotice',
      'dct:identifier': notice === undefined ? notStated : `sha-256:${notice}`,
      // The log does not say it.
      'dct:language': 'und',
    },
    'dpv:hasProcess': items.map(({ purpose, fields }, i) => ({
      '@type': 'dpv:Process',
      'dct:identifier': `${id}/${i + 1}`,
      'dpv:hasPurpose': purpose,
      'dpv:hasPersonalData': fields.map((field) => ({
        '@type': findField(field)?.dpv ?? 'dpv:PersonalData',
        'dct:identifier': field,
      })),
      'dpv:hasLegalBasis': 'dpv:ExplicitlyExpressedConsent',
      'dpv:hasStorageCondition': [
        { '@type': 'dpv:StorageDuration', 'dpv:hasDuration': notStated },
        { '@type': 'dpv:StorageLocation', 'dct:description': notStated },
      ],
      'dpv:hasRecipient': { '@type': 'dpv:Recipient', 'dct:identifier': vendor },
    })),
    'dpv:hasDataController': {
      '@type': 'dpv:DataController',
      'dct:identifier': vendor,
      'dpv:hasName': names.get(vendor) ?? notStated,
      'dpv:hasContact': notStated,
      'dpv:hasAddress': notStated,
    },
    'dpv:hasConsentControl': {
      '@type': 'dpv:WithdrawConsent',
      'dpv:isExercisedAt': `https://${origin.replace(/\/log$/, '')}`,
    },
    'dpv:hasJurisdiction': notStated,
    'dpv:hasRight': { '@type': 'dpv:DataSubjectRight', 'dpv:isExercisedAt': notStated },
    'dpv:hasConsentStatus': steps.map(({ type, time, index, until }) => ({
      '@type': statusOf[type] ?? 'dpv:ConsentStatus',
      ...(statusOf[type] === undefined && { 'dct:description': type }),
      'dpv:isIndicatedAtTime': formatTime(time),
      ...(until !== undefined && { 'dct:valid': formatTime(until) }),
      'reach:logIndex': index,
    })),
  }
}

/** One line of a record of processing: what one business does for one purpose. */
export interface ProcessingRow {
  readonly controller: string
  readonly controllerName: string
  readonly purpose: string
  readonly purposeTitle: string
  readonly legalBasis: string
  readonly dataSubjects: string
  readonly categories: readonly string[]
  readonly specialCategories: readonly string[]
  readonly recipients: string
  readonly consents: { readonly [State in GrantStatus]?: number }
  readonly disclosures: number
  readonly firstConsent: string
  /** No consent of the row lasts longer. */
  readonly latestEnd: string
}

/** GDPR Art. 30(1): per controller and purpose, over all grants. What a release was for is in `released`, by business and purpose. */
export function processingRows(
  grants: readonly ReplayedGrant[],
  released: ReadonlyMap<string, number>,
  names: ReadonlyMap<string, string>,
): ProcessingRow[] {
  const rows = new Map<
    string,
    { grant: ReplayedGrant; purpose: string; all: ReplayedGrant[]; fields: Set<string> }
  >()
  for (const grant of grants)
    for (const { purpose, fields } of grant.items) {
      const key = releasedKey(grant.vendor, purpose)
      const row = rows.get(key) ?? { grant, purpose, all: [], fields: new Set<string>() }
      rows.set(key, row)
      if (!row.all.includes(grant)) row.all.push(grant)
      for (const field of fields) row.fields.add(field)
    }
  return [...rows]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([
        key,
        {
          grant: { vendor },
          purpose,
          all,
          fields,
        },
      ]) => {
        const consents: { [State in GrantStatus]?: number } = {}
        for (const { state } of all) consents[state] = (consents[state] ?? 0) + 1
        const categories = [...fields].toSorted()
        return {
          controller: vendor,
          controllerName: names.get(vendor) ?? notStated,
          purpose,
          purposeTitle: findPurpose(purpose)?.title ?? purpose,
          legalBasis: 'consent (Art. 6(1)(a), for special categories Art. 9(2)(a))',
          dataSubjects: 'customers with a vault',
          categories,
          specialCategories: categories.filter((field) => findField(field)?.sensitivity === 'special'),
          recipients: 'as the notice of each consent states',
          consents,
          disclosures: released.get(key) ?? 0,
          firstConsent: formatTime(Math.min(...all.map(({ given }) => given))),
          latestEnd: formatTime(Math.max(...all.map(({ until }) => until))),
        }
      },
    )
}

export function releasedKey(vendor: string, purpose: string): string {
  return `${vendor} ${purpose}`
}

import { decodeJwt } from 'jose'
import { isLate } from '#core/domain/acknowledgement.ts'
import { findField } from '#core/domain/catalogue.ts'
import { liveness } from '#core/domain/grant.ts'
import { readFact } from '#core/domain/facts.ts'
import { findPurpose } from '#core/domain/purposes.ts'
import { formatTime } from '#core/domain/times.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { listEarlier, seqKey } from '#core/records/grants.ts'
import { grantHistory } from '#core/records/histories.ts'
import { readVendor, readVendorStanding } from '#core/records/vendors.ts'
import type {
  Acknowledgement,
  AcknowledgementView,
  EarlierTerms,
  Grant,
  GrantView,
  ReceiptView,
  StoredReceipt,
  Vendor,
  VendorView,
} from '#schemas/types.gen.ts'

/** A business as the customer sees it. Its words are shown as they are and believed by nobody. */
export async function viewVendor(reader: LedgerReader, vendorId: string): Promise<VendorView> {
  const [vendor, standing] = await Promise.all([
    readVendor(reader, vendorId),
    readVendorStanding(reader, vendorId),
  ])
  if (vendor === undefined) throw new Error('a business is missing that something refers to')
  const { name, legalName, website, contact, dataProtectionContact, privacyPolicy, jurisdiction } =
    vendor.value
  const { logo, domain } = vendor.value
  const state = standing?.value.state
  const told = { legalName, website, contact, dataProtectionContact, privacyPolicy, jurisdiction, domain }
  return {
    vendorId,
    name,
    ...known(told),
    ...(logo === undefined ? {} : { logo: viewLogo(vendorId, logo) }),
    domainProven: domain !== undefined,
    suspended: state === 'suspended' || state === 'removed',
    ...(state === 'removed' ? { removed: true } : {}),
  }
}

/** The address changes with the picture, so that a browser may keep it. */
function viewLogo(vendorId: string, { hash, width, height }: NonNullable<Vendor['logo']>) {
  return { path: `api/vendors/${vendorId}/logo?v=${hash.slice(0, 12)}`, width, height }
}

type Known<Members> = { [Name in keyof Members]?: Exclude<Members[Name], undefined> }

function known<Members extends object>(members: Members): Known<Members> {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as Known<Members>
}

/** The words for a field or purpose; an id that the catalogue has lost stays readable as itself. */
export const fieldTitle = (id: string): string => findField(id)?.title ?? id
export const purposeTitle = (id: string): string => findPurpose(id)?.title ?? id
export const purposePhrase = (id: string): string => findPurpose(id)?.phrase ?? id

const states = {
  live: 'active',
  unredeemed: 'waiting',
  paused: 'paused',
  withdrawn: 'withdrawn',
  expired: 'expired',
} as const

/** Live, with every read made that was allowed. */
export function isUsedUp(grant: Pick<Grant, 'reads'>, reads: number): boolean {
  return grant.reads !== undefined && reads >= grant.reads
}

/** A grant as its customer sees it at this moment; `now` in Unix ms. */
export async function viewGrant(reader: LedgerReader, grant: Grant, now: number): Promise<GrantView> {
  const [vendor, reads] = await Promise.all([
    viewVendor(reader, grant.vendorId),
    reader.count(seqKey(grant.grantId)),
  ])
  const state = states[liveness(grant, now)]
  const lastRead = reads === 0 ? undefined : await timeOfLastRead(reader, grant.grantId)
  return {
    grantId: grant.grantId,
    vendor,
    items: grant.items.map(({ id, purpose, fields }) => ({
      id,
      purpose,
      purposeTitle: purposeTitle(purpose),
      fields: fields.map((field) => ({ field, title: fieldTitle(field) })),
    })),
    state: state === 'active' && isUsedUp(grant, reads) ? 'used-up' : state,
    paused: grant.state === 'paused',
    validFrom: formatTime(grant.validFrom),
    until: formatTime(grant.until),
    ...(grant.endedAt === undefined ? {} : { endedAt: formatTime(grant.endedAt) }),
    ...(grant.state === 'withdrawn' ? { endedBy: grant.endedBy ?? 'customer' } : {}),
    ...(grant.replacedBy === undefined ? {} : { replacedBy: grant.replacedBy }),
    reads,
    ...(grant.reads === undefined ? {} : { readsAllowed: grant.reads }),
    ...(grant.termsFrom === undefined ? {} : { termsFrom: formatTime(grant.termsFrom) }),
    ...(lastRead === undefined ? {} : { lastRead: formatTime(lastRead) }),
    receiptId: grant.receiptId,
    asOf: formatTime(now),
    ...(grant.acknowledgement === undefined
      ? {}
      : { acknowledgement: viewAcknowledgement(grant.acknowledgement, now) }),
  }
}

function viewAcknowledgement(asked: Acknowledgement, now: number): AcknowledgementView {
  const { kind, requestedAt, dueAt, acknowledgedAt } = asked
  return {
    kind,
    requestedAt: formatTime(requestedAt),
    ...(dueAt === undefined ? {} : { dueAt: formatTime(dueAt) }),
    ...(acknowledgedAt === undefined ? {} : { acknowledgedAt: formatTime(acknowledgedAt) }),
    late: isLate(asked, now),
  }
}

/** Terms that held before, newest first, each with the receipt of its own decision. */
export async function viewEarlier(reader: LedgerReader, grant: Grant): Promise<EarlierTerms[]> {
  const earlier = await listEarlier(reader, grant.grantId)
  const ends = [...earlier.slice(1), grant].map((next) => next.termsFrom ?? next.validFrom)
  return earlier
    .map((terms, index) => ({
      from: formatTime(terms.termsFrom ?? terms.validFrom),
      to: formatTime(ends[index] ?? terms.until),
      fields: [...new Set(terms.items.flatMap(({ fields }) => fields))].map((field) => ({
        field,
        title: fieldTitle(field),
      })),
      until: formatTime(terms.until),
      ...(terms.reads === undefined ? {} : { readsAllowed: terms.reads }),
      receiptId: terms.receiptId,
    }))
    .toReversed()
}

/** Unix ms; `undefined`: never. */
export async function timeOfLastRead(reader: LedgerReader, grantId: string): Promise<number | undefined> {
  for (let before: number | undefined, limit = 4; ; limit = 100) {
    const entries = await grantHistory(reader, grantId, { before, limit })
    for (const { ops } of entries) {
      const fact = readFact(ops)
      if (fact.type === 'disclosed') return fact.time
    }
    before = entries.at(-1)?.index
    if (before === undefined || entries.length < limit) return undefined
  }
}

/** A receipt as its customer sees it: the signed bytes, and what they say. */
export function viewReceipt({ receiptId, grantId, issuedAt, jws }: StoredReceipt): ReceiptView {
  return {
    receiptId,
    ...(grantId === undefined ? {} : { grantId }),
    issuedAt: formatTime(issuedAt),
    jws,
    payload: decodeJwt(jws),
  }
}

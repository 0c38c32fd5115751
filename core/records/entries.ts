import { writeFact } from '#core/domain/facts.ts'
import type { ErasureCause, Fact } from '#core/domain/facts.ts'
import type { Claims, Entry } from '#core/ledger/ledger.ts'
import type { AccessRequest, Grant } from '#schemas/types.gen.ts'
import { changeThreads } from './vendor-changes.ts'

type Without<Told, Members extends string> = Told extends Fact ? Omit<Told, Members> : never
type Naming<Member extends string> = Fact extends infer Told
  ? Told extends Fact
    ? Member extends keyof Told
      ? Told
      : never
    : never
  : never
/** A fact about one grant; grant, business and time are filled in. */
export type GrantFact = Without<Naming<'grant'>, 'time' | 'vendor' | 'grant'>
/** A fact about a request that is no grant; request, business and time are filled in. */
export type RequestFact = Without<Exclude<Naming<'request'>, Naming<'grant'>>, 'time' | 'vendor' | 'request'>
export type VendorFact = Without<Extract<Fact, { readonly type: `vendor-${string}` }>, 'time'>

/** A fact about a customer that names neither a grant nor a business. */
export type AccountFact =
  | { readonly type: 'access-lost' | 'access-restored' | 'pod-moved' }
  | { readonly type: 'category-lost' | 'category-restored'; readonly category: string }
  | { readonly type: 'erasure-begun'; readonly erasure: string; readonly cause: ErasureCause }

/** The person behind an entry, only as salted digests: `who` is the WebID, `data` the exact receipt. */
export type Slots = Pick<Claims, 'subject' | 'who' | 'data'>

/** An entry about a grant, in the threads of the grant and of its customer. */
export function grantEntry(grant: Grant, fact: GrantFact, slots: Omit<Slots, 'subject'> = {}): Entry {
  const told = { ...fact, vendor: grant.vendorId, grant: grant.grantId }
  return {
    claims: ({ time }) => ({
      ops: writeFact({ ...told, time } as Fact),
      subject: grant.subject,
      secret: grant.secret,
      ...slots,
    }),
    // A grant's thread may be long, in earlier versions by every read; each of its receipts asks for one entry, years later.
    threads: [
      grant.grantId,
      grant.accountId,
      ...(hasReceipt(fact) ? [grant.receiptId] : []),
      ...changeThreads(fact.type, grant.vendorId),
    ],
  }
}

/** With the terms of a grant begins a receipt. */
const hasReceipt = ({ type }: GrantFact): boolean => type === 'granted' || type === 'changed'

/** An entry about a request that its customer has opened, in the threads of both. */
export function requestEntry(
  request: Pick<AccessRequest, 'requestId' | 'vendorId'> & {
    readonly accountId: string
    readonly secret: string
  },
  fact: RequestFact,
  slots: Slots = {},
): Entry {
  const told = { ...fact, vendor: request.vendorId, request: request.requestId }
  return {
    claims: ({ time }) => ({ ops: writeFact({ ...told, time } as Fact), secret: request.secret, ...slots }),
    threads: [request.requestId, request.accountId, ...changeThreads(fact.type, request.vendorId)],
  }
}

/** An entry about a customer who has no grant that it could name. */
export function accountEntry(accountId: string, fact: AccountFact): Entry {
  return { claims: ({ time }) => ({ ops: writeFact({ ...fact, time }) }), threads: [accountId] }
}

/** A customer is forgotten: an entry in nobody's thread, or it would tell of her for ever. */
export function erasedEntry(erasure: string): Entry {
  return { claims: ({ time }) => ({ ops: writeFact({ type: 'erased', erasure, time }) }) }
}

/** An entry about a business and no customer, in the thread of the business. */
export function vendorEntry(fact: VendorFact): Entry {
  return { claims: ({ time }) => ({ ops: writeFact({ ...fact, time }) }), threads: [fact.vendor] }
}

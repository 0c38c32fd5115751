import type { LedgerReader } from '#core/ledger/ledger.ts'
import {
  peekAccount,
  peekCustomerStanding,
  readAccount,
  readCustomerStanding,
} from '#core/records/accounts.ts'
import { findSubjectGrants, peekGrant, peekSubjectGrants, readGrant } from '#core/records/grants.ts'
import type { Names } from '#core/records/names.ts'
import type { Stored } from '#core/records/parts.ts'
import type { Account, CustomerStanding, Grant } from '#schemas/types.gen.ts'
import type { Caller } from '../tokens/authenticate.ts'

/** What the ledger says about one subject of one business; no grants for a subject that it does not have. */
export interface Rows {
  readonly grants: readonly Stored<Grant>[]
  readonly customer: Stored<CustomerStanding> | undefined
  readonly account: Stored<Account> | undefined
}

/** The same, found without I/O. */
export interface RowsAtHand extends Rows {
  /** Every row that says so: while all of them are the newest, it is still so. */
  readonly by: readonly Stored<unknown>[]
}

const nobody: Rows = { grants: [], customer: undefined, account: undefined }

/**
 * Finds a subject in the space of the asking business alone. A token made for one customer names its grant, and only
 * that one counts: another grant of the same customer has tokens of its own. A token of the business finds grants by
 * their subject.
 */
export class SubjectRows {
  readonly #reader: LedgerReader
  readonly #names: Names

  constructor(reader: LedgerReader, names: Names) {
    this.#reader = reader
    this.#names = names
  }

  /** Without I/O; `undefined` when a row is not at hand, which says nothing about whether it is there. */
  peek(caller: Caller, subject: string): RowsAtHand | undefined {
    const { listed, grants } = this.#peekGrants(caller, subject) ?? { grants: [] }
    const accountId = grants[0]?.value.accountId
    if (accountId === undefined) return undefined
    const customer = peekCustomerStanding(this.#reader, accountId)
    const account = peekAccount(this.#reader, accountId)
    if (customer === undefined || account === undefined) return undefined
    const by = [...grants, customer, account, ...(listed === undefined ? [] : [listed])]
    return { grants, customer, account, by }
  }

  async read(caller: Caller, subject: string): Promise<Rows> {
    const grants = await this.#readGrants(caller, subject)
    const accountId = grants[0]?.value.accountId
    if (accountId === undefined) return nobody
    const customer = await readCustomerStanding(this.#reader, accountId)
    return { grants, customer, account: await readAccount(this.#reader, accountId) }
  }

  #peekGrants(
    { token, vendorId }: Caller,
    subject: string,
  ): { readonly grants: readonly Stored<Grant>[]; readonly listed?: Stored<unknown> } | undefined {
    const reader = this.#reader
    if (token.grantId === undefined)
      return peekSubjectGrants({ reader, names: this.#names }, vendorId, subject)
    const grant = peekGrant(reader, token.grantId)
    return grant && isOf(grant, vendorId, subject) ? { grants: [grant] } : undefined
  }

  async #readGrants({ token, vendorId }: Caller, subject: string): Promise<readonly Stored<Grant>[]> {
    const reader = this.#reader
    if (token.grantId === undefined)
      return findSubjectGrants({ reader, names: this.#names }, vendorId, subject)
    const grant = await readGrant(reader, token.grantId)
    return grant && isOf(grant, vendorId, subject) ? [grant] : []
  }
}

function isOf({ value }: Stored<Grant>, vendorId: string, subject: string): boolean {
  return value.vendorId === vendorId && value.subject === subject
}

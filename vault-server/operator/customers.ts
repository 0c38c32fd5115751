import { DomainError } from '#core/domain/errors.ts'
import type { ErasureCause } from '#core/domain/facts.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { findAccount, listAccounts, readAccount, readCustomerStanding } from '#core/records/accounts.ts'
import { beginErasure } from '#core/records/erasure.ts'
import { readLiveGrants } from '#core/records/grants.ts'
import type { Names } from '#core/records/names.ts'
import type { Stored } from '#core/records/parts.ts'
import type { Account, CustomerStanding } from '#schemas/types.gen.ts'

/** A customer as the operator sees her: an opaque id and how it stands. Neither her WebID nor where her pod lies. */
export interface CustomerRow {
  readonly accountId: string
  /** Unix ms. */
  readonly createdAt: number
  readonly state: CustomerStanding['podAccess'] | 'leaving'
  readonly livePermissions: number
}

/** An erasure on somebody's written word, or by law; her own act is hers alone. */
export interface ErasureOrder {
  readonly cause: Exclude<ErasureCause, 'own-act'>
  /** Every business that may read now is asked to delete what it holds. */
  readonly askDeletion: boolean
}

/** What the operator does about customers. */
export interface CustomerOperator {
  /** In the order of their ids, at most `limit`, beginning behind `after`. */
  list(options?: { after?: string; limit?: number }): Promise<readonly CustomerRow[]>
  show(accountId: string): Promise<CustomerRow>
  /** Whose account a WebID has, for a letter that names it. Refuses `not-found`. */
  find(webId: string): Promise<CustomerRow>
  /**
   * Forgets a customer. From this commit on nothing of hers is released; the rest is done by a job. Her pod stays hers: deleting it
   * takes her own sign-in. Gives the reference under which the log tells of it. Refuses `not-found`, also once it has begun.
   */
  erase(accountId: string, order: ErasureOrder): Promise<{ readonly erasure: string }>
}

const attempts = 5

/** `now` in Unix ms; `changed` runs after a commit that jobs wait in. */
export function customerOperator({
  ledger,
  names,
  now,
  changed = () => undefined,
}: {
  ledger: Ledger
  names: Names
  now: () => number
  changed?: (accountId: string) => void
}): CustomerOperator {
  async function rowOf({ value: { accountId, createdAt } }: Stored<Account>): Promise<CustomerRow> {
    const [standing, { grants }] = await Promise.all([
      readCustomerStanding(ledger, accountId),
      readLiveGrants(ledger, accountId),
    ])
    const state = standing?.value.leaving === true ? 'leaving' : (standing?.value.podAccess ?? 'none')
    return { accountId, createdAt, state, livePermissions: grants.length }
  }
  const known = async (found: Promise<Stored<Account> | undefined>): Promise<CustomerRow> => {
    const account = await found
    if (account === undefined) throw new DomainError('not-found', 'There is no such customer.')
    return await rowOf(account)
  }

  return {
    async list({ after, limit = 100 } = {}) {
      return await Promise.all((await listAccounts(ledger, { after, limit })).map(rowOf))
    },
    show: (accountId) => known(readAccount(ledger, accountId)),
    find: (webId) => known(findAccount(ledger, names, webId)),
    async erase(accountId, { cause, askDeletion }) {
      for (let attempt = 1; ; attempt++) {
        const wish = { accountId, cause, askDeletion, deletePod: false }
        const { parts, erasure } = await beginErasure({ reader: ledger, names }, wish, now())
        try {
          await ledger.commit(parts)
          changed(accountId)
          return { erasure }
        } catch (error) {
          if (!(error instanceof CommitRefused) || attempt === attempts) throw error
        }
      }
    },
  }
}

import { DomainError } from '#core/domain/errors.ts'
import { day } from '#core/domain/times.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { recordLostAccess } from '#core/records/access.ts'
import { findAccount } from '#core/records/accounts.ts'
import { newId } from '#core/records/ids.ts'
import type { Names } from '#core/records/names.ts'
import { forget, keepSandboxVault, listSandboxVaults } from '#core/records/sandbox.ts'
import type { ThrowAway } from '../vault-server/customer/vaults.ts'

/** A vault of the sandbox and its pod end after this, in ms, whoever made it. */
export const vaultLife = day
/** At once. */
const mostVaults = 500

export interface SandboxVaults extends ThrowAway {
  /** Ends the pods whose time is up, and Reach's access to them; gives how many. */
  sweep(): Promise<number>
}

/**
 * Every vault that is made in the sandbox, by its API or by somebody at its pages, is counted and thrown away. Nobody else is
 * let in: the businesses there were admitted by nobody, and could ask a real person for real data under our address.
 */
export function sandboxVaults({
  ledger,
  names,
  removePod,
  now,
}: {
  ledger: Ledger
  names: Names
  removePod: (podUrl: string) => Promise<void>
  now: () => number
}): SandboxVaults {
  return {
    async admit() {
      if ((await listSandboxVaults(ledger, mostVaults)).length >= mostVaults)
        throw new DomainError('rate-limited', 'The sandbox has as many vaults as it can.', {
          retryAfter: 600,
        })
    },

    async made(pod) {
      await ledger.commit(keepSandboxVault({ v: 1, id: newId(), ...pod, createdAt: now() }))
    },

    async admits(webId) {
      const made = await listSandboxVaults(ledger, mostVaults)
      return made.some(({ value }) => value.webId === webId)
    },

    async sweep() {
      const rows = await listSandboxVaults(ledger, mostVaults)
      const old = rows.filter(({ value }) => now() - value.createdAt >= vaultLife)
      const failures: unknown[] = []
      for (const stored of old) {
        try {
          const { podUrl, webId } = stored.value
          await removePod(podUrl)
          const account = await findAccount(ledger, names, webId)
          if (account !== undefined) await recordLostAccess(ledger, account.value.accountId)
          await ledger.commit(forget(stored))
        } catch (error) {
          // One that cannot be ended now keeps nobody else.
          failures.push(error)
        }
      }
      if (failures.length > 0)
        throw new AggregateError(failures, 'vaults of the sandbox that could not be ended')
      return old.length
    },
  }
}

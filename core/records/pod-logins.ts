import { setTimeout as sleep } from 'node:timers/promises'
import { DomainError } from '#core/domain/errors.ts'
import type { Committed, Ledger } from '#core/ledger/ledger.ts'
import { tryCommit } from '#core/ledger/try-commit.ts'
import type { Names } from './names.ts'
import { absent, put, remove } from './parts.ts'

/** Longer than an issuer takes to answer; from then on another process may go on in place of one that is gone. */
const TURN_MS = 30_000
const LOOK_MS = 100

/** Storage of one Solid-OIDC login: what `@inrupt/solid-client-authn-node` calls IStorage, and `clear`. */
export interface PodLoginStorage {
  get(key: string): Promise<string | undefined>
  set(key: string, value: string): Promise<void>
  delete(key: string): Promise<void>
  /** Sweeps everything of this login; the library's own sign-out leaves rows behind. */
  clear(): Promise<void>
  /** One after the other, in whichever process. Refuses with `pod-unreachable` when the turn does not come. */
  alone<Result>(work: () => Promise<Result>): Promise<Result>
}

/**
 * One namespace per login, since the library keeps one list of all logins in a storage. Rows hold refresh
 * tokens and private keys: sealed like every row, and gone `lifetime` ms after they were last written.
 */
export function podLoginStorage(
  { ledger, names, now }: { ledger: Ledger; names: Names; now: () => number },
  podLogin: string,
  lifetime: number,
): PodLoginStorage {
  const prefix = `pod-login/${names.hidden('pod-login', podLogin)}/`
  const rowKey = (key: string) => prefix + names.hidden('pod-login-key', key)
  const turnKey = `${prefix}turn`

  async function takeTurn(): Promise<Committed> {
    for (let waited = 0; waited <= TURN_MS; waited += LOOK_MS) {
      const turn = put(turnKey, {}, { expires: now() + TURN_MS })
      const taken = await tryCommit(ledger, { checks: [absent(turnKey)], writes: [turn] })
      if (taken !== undefined) return taken
      await sleep(LOOK_MS)
    }
    throw new DomainError('pod-unreachable', 'The sign-in at the pod is being renewed', { retryAfter: 5 })
  }

  return {
    async get(key) {
      const row = await ledger.get<{ value: string }>(rowKey(key))
      return row?.value.value
    },
    async set(key, value) {
      await ledger.commit({ writes: [put(rowKey(key), { value }, { expires: now() + lifetime })] })
    },
    async delete(key) {
      await ledger.commit({ writes: [remove(rowKey(key))] })
    },
    async clear() {
      const rows = await ledger.list(prefix)
      if (rows.length > 0) await ledger.commit({ writes: rows.map((row) => remove(row.key)) })
    },
    async alone(work) {
      const { version } = await takeTurn()
      try {
        return await work()
      } finally {
        await tryCommit(ledger, { checks: [{ key: turnKey, version }], writes: [remove(turnKey)] })
      }
    },
  }
}

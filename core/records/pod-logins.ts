import type { Ledger } from '#core/ledger/ledger.ts'
import type { Names } from './names.ts'
import { put, remove } from './parts.ts'

/** Storage of one Solid-OIDC login: what `@inrupt/solid-client-authn-node` calls IStorage, and `clear`. */
export interface PodLoginStorage {
  get(key: string): Promise<string | undefined>
  set(key: string, value: string): Promise<void>
  delete(key: string): Promise<void>
  /** Sweeps everything of this login; the library's own sign-out leaves rows behind. */
  clear(): Promise<void>
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
  }
}

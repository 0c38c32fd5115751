import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { createFile, makePrivateFolder } from '#core/ledger/key-files.ts'
import type { Names } from '#core/records/names.ts'

/** Names of pods that were ended, by a keyed hash of their address. */
export interface RetiredNames {
  has(podUrl: string): Promise<boolean>
  /** Durable; again is no error. */
  add(podUrl: string): Promise<void>
}

/**
 * Whoever had a name may hold what opens whatever bears it: access tokens that live on, access that others gave to its WebID, an
 * order to end its pod. So nobody gets it a second time.
 */
export async function openRetiredNames(folder: string, names: Names): Promise<RetiredNames> {
  await makePrivateFolder(folder)
  const fileOf = (podUrl: string) => join(folder, names.hidden('pod', podUrl))
  return {
    has: (podUrl) =>
      access(fileOf(podUrl)).then(
        () => true,
        (error: unknown) => {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
          throw error
        },
      ),
    async add(podUrl) {
      await createFile(fileOf(podUrl), '')
    },
  }
}

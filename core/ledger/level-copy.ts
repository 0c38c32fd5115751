/** The embedded store as a side of a copy; LevelDB itself lets nobody else in. */
import { openDatabase } from './level-database.ts'
import type { CopiedStore } from './store-copy.ts'

/** Throws `LedgerInUse` while a Reach runs on it, `LedgerDamaged` when a source is not there. */
export async function openLevelStore({
  folder,
  anchorFile,
  isTarget,
}: {
  folder: string
  anchorFile: string
  isTarget: boolean
}): Promise<CopiedStore> {
  const { db } = await openDatabase(folder, { create: isTarget })
  return {
    stored: db,
    anchorFile,
    async put(rows) {
      const batch = db.batch()
      for (const [key, value] of rows)
        if (value) batch.put(key, value)
        else batch.del(key)
      await batch.write({ sync: true })
    },
    [Symbol.asyncDispose]: () => db.close(),
  }
}

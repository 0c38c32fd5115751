/**
 * Which files of a key store were ever made. Keys are made where they are missing, so one that was lost would quietly be another:
 * other subjects for every business, customers who are not found any more. An empty file for each makes a loss an error instead.
 * Customers' keys have none: those are destroyed on purpose.
 */
import { existsSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KeysDamaged, makePrivateFolder } from './key-files.ts'

const FOLDERS = ['data', 'ops', 'secrets', 'documents']
const NAME = /^(?:log(?:-\d+)?|(?:data|ops|secrets|documents)\/[a-z][a-z0-9-]*)\.json$/

export interface MadeKeys {
  /** Throws `KeysDamaged` when the file of that name was there once: it must not be made again. */
  refuseLost(name: string): void
  /** `name` is the path of a file that is there, from the folder of the key store on. */
  add(name: string): Promise<void>
}

/** Throws `KeysDamaged` with the name of the file that is missing. */
export async function openMadeKeys(folder: string): Promise<MadeKeys> {
  const marks = join(folder, 'made')
  await makePrivateFolder(marks)
  const made = new Set((await readdir(marks)).map((mark) => `${mark.replace('.', '/')}.json`))
  const keys: MadeKeys = {
    refuseLost(name) {
      if (made.has(name) && !existsSync(join(folder, name)))
        throw new KeysDamaged(`the key file ${name} is missing: restore it from the backup of the keys`)
    },
    async add(name) {
      if (made.has(name)) return
      // Not synced: what a crash takes is marked again at the next start.
      await writeFile(join(marks, name.replace('.json', '').replace('/', '.')), '', {
        flag: 'a',
        mode: 0o600,
      })
      made.add(name)
    },
  }
  for (const name of made) keys.refuseLost(name)
  for (const name of await present(folder)) await keys.add(name)
  return keys
}

async function present(folder: string): Promise<string[]> {
  const within = FOLDERS.map(async (part) =>
    (await readdir(join(folder, part))).map((name) => `${part}/${name}`),
  )
  const names = await Promise.all([readdir(folder), ...within])
  return names.flat().filter((name) => NAME.test(name))
}

/**
 * What a witness has cosigned of each log, on disk. A step from one checkpoint to the next is a file with the next
 * number that must not exist yet, so that compare and swap hold between processes too, and no lock is left behind
 * by one that was killed.
 */
import { hash } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createFile, isCode, makePrivateFolder } from '#core/ledger/key-files.ts'

export interface Step {
  /** 0 before the first. */
  readonly number: number
  /** The cosigned checkpoint as the log signed it; undefined before the first. */
  readonly note: string | undefined
}

export interface WitnessHistory {
  latest(origin: string): Promise<Step>
  /** Durable when it resolves; false when another step followed `from` already. */
  advance(origin: string, from: Step, note: string): Promise<boolean>
}

const beforeAll: Step = { number: 0, note: undefined }
const fileName = /^\d{16}$/

export function witnessHistory(folder: string): WitnessHistory {
  const folderOf = (origin: string): string => join(folder, hash('sha256', origin, 'hex'))
  const fileOf = (origin: string, step: number): string =>
    join(folderOf(origin), String(step).padStart(16, '0'))

  return {
    async latest(origin) {
      for (;;) {
        const last = (await filesIn(folderOf(origin))).at(-1)
        if (last === undefined) return beforeAll
        const note = await textOf(join(folderOf(origin), last))
        // Gone: another process has gone on meanwhile, and swept it.
        if (note !== undefined) return { number: Number(last), note }
      }
    },

    async advance(origin, from, note) {
      await makePrivateFolder(folderOf(origin))
      if (!(await createFile(fileOf(origin, from.number + 1), note))) return false
      const steps = (await filesIn(folderOf(origin))).map(Number)
      for (const old of steps) if (old < from.number) await rm(fileOf(origin, old), { force: true })
      // The name was free because others have gone on and swept it: the newest step is always there.
      return Math.max(...steps) === from.number + 1
    },
  }
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder)
    return names.filter((name) => fileName.test(name)).toSorted()
  } catch (error) {
    if (isCode(error, 'ENOENT')) return []
    throw error
  }
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

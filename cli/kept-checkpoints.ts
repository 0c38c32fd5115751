/**
 * The newest checkpoint that this user saw of each log. Without one a rewritten log passes every check; with
 * one it must be the continuation of what was seen. A log is known by its verifier key, which binds origin
 * and key.
 */
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { writeWhole } from './log-source.ts'

export interface KeptCheckpoints {
  /** Signed note, or undefined when this log was never verified here. */
  newest(vkey: string): Promise<string | undefined>
  keep(vkey: string, note: string): Promise<void>
}

export function keptCheckpoints(folder: string): KeptCheckpoints {
  const file = (vkey: string): string => path.join(folder, 'checkpoints', hash('sha256', vkey, 'hex'))
  return {
    async newest(vkey) {
      try {
        return await readFile(file(vkey), 'utf8')
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
        throw error
      }
    },
    keep: (vkey, note) => writeWhole(file(vkey), note),
  }
}

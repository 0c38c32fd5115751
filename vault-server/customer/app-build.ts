/** Builds of the consent app stand side by side in one folder, and a file there names the newest. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the newest build lies; undefined where none was made. */
export function newestBuild(folder: string): string | undefined {
  try {
    return join(folder, readFileSync(join(folder, 'newest'), 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** The text as oxfmt writes it for a file of this name. */
export function formatWith(folder: string, file: string, text: string): string {
  const oxfmt = join(folder, 'node_modules', '.bin', 'oxfmt')
  return execFileSync(oxfmt, ['--stdin-filepath', file], { cwd: folder, input: text, encoding: 'utf8' })
}

if (import.meta.main) {
  const { status } = spawnSync('oxfmt', process.argv.slice(2), { cwd: root, stdio: 'inherit' })
  process.exitCode = status ?? 1
}

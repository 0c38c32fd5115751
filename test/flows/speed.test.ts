import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/**
 * Half of what docs/bench.md asks for: a machine that tests is no machine to measure on. What falls below was made slow on
 * purpose or by mistake, such as a signature checked by another library, or a row sealed for each entry.
 */
test('a query costs little beside the signature that it must check', async () => {
  const floors = join(import.meta.dirname, '../../bench/floors.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    floors,
  ])
  const ratios: Record<string, number> = JSON.parse(stdout)
  expect(ratios['authenticate']).toBeGreaterThan(0.4)
  expect(ratios['core']).toBeGreaterThan(0.15)
  expect(ratios['entry']).toBeLessThan(0.35)
})

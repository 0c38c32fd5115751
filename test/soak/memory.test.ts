import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('200,000 queries with subjects, tokens, keys and proofs of their own end with flat memory', async () => {
  const soak = join(import.meta.dirname, '../../bench/soak.ts')
  const args = ['--disable-warning=ExperimentalWarning', soak, '--queries', '200000']
  const [code] = await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'exit')
  expect(code).toBe(0)
})

import { expect, test } from 'vitest'
import { newId } from '../../core/records/ids.ts'

test('no id looks like an option of a command, and none comes twice', () => {
  const ids = Array.from({ length: 5_000 }, newId)
  for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{21}$/)
  expect(new Set(ids).size).toBe(ids.length)
})

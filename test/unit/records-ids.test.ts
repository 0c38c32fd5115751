import { expect, test } from 'vitest'
import { newHandle, newId } from '../../core/records/ids.ts'

test.each([
  ['id', newId, 22],
  ['handle', newHandle, 43],
])('no %s looks like an option of a command, and none comes twice', (_, make, length) => {
  const all = Array.from({ length: 5_000 }, make)
  for (const one of all) {
    expect(one).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]*$/)
    expect(one).toHaveLength(length)
  }
  expect(new Set(all).size).toBe(all.length)
})

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createAnchor, openAnchor, readAnchor, type Mark } from '#core/ledger/anchor.ts'
import { LedgerDamaged } from '#core/ledger/ledger.ts'

let file: string
beforeEach(async () => {
  file = join(await mkdtemp(join(tmpdir(), 'reach-anchor-')), 'anchor')
})
afterEach(() => rm(join(file, '..'), { recursive: true }))

const mark = (group: number): Mark => ({
  group,
  size: 3 * group,
  root: Buffer.alloc(32, group),
  chain: Buffer.alloc(32, group + 100),
})

test('keeps the newest mark over reopening', async () => {
  expect(await readAnchor(file)).toBeUndefined()
  await createAnchor(file)
  await expect(createAnchor(file)).rejects.toThrow('already')
  expect(await readAnchor(file)).toBe('new')
  for (let group = 0; group < 7; group++) {
    await using anchor = await openAnchor(file)
    expect(anchor.last).toEqual(group === 0 ? undefined : mark(group - 1))
    await anchor.write(mark(group))
    expect(anchor.last).toEqual(mark(group))
  }
  expect(await readAnchor(file)).toEqual(mark(6))
  expect(await readFile(file)).toHaveLength(8192)
})

test('a torn write leaves the mark before, wherever it tears', async () => {
  await createAnchor(file)
  for (let group = 0; group < 6; group++) {
    await using anchor = await openAnchor(file)
    await anchor.write(mark(group))
    if (group === 0) continue
    const whole = await readFile(file)
    const slots = [0, 4096]
    const newest = slots.find((at) => whole.readUIntBE(at + 4, 6) === group) ?? -1
    const older = 4096 - newest
    expect(whole.readUIntBE(older + 4, 6)).toBe(group - 1)
    for (const torn of [0, 3, 9, 40, 79, 80, 111]) {
      const bytes = Buffer.from(whole)
      bytes.fill(0xaa, newest + torn, newest + 112)
      await writeFile(file, bytes)
      expect(await readAnchor(file), `torn at ${torn}`).toEqual(mark(group - 1))
    }
    await writeFile(file, whole)
  }
})

test('without a readable mark it is damaged, never new', async () => {
  await createAnchor(file)
  {
    await using anchor = await openAnchor(file)
    await anchor.write(mark(1))
    await anchor.write(mark(2))
  }
  const whole = await readFile(file)
  const both = Buffer.from(whole)
  both[10] = (both[10] ?? 0) ^ 1
  both[4096 + 10] = (both[4096 + 10] ?? 0) ^ 1
  for (const bytes of [
    both,
    Buffer.alloc(8191),
    Buffer.alloc(0),
    Buffer.alloc(8192, 1),
    Buffer.alloc(8193),
  ]) {
    await writeFile(file, bytes)
    await expect(readAnchor(file)).rejects.toBeInstanceOf(LedgerDamaged)
    await expect(openAnchor(file)).rejects.toBeInstanceOf(LedgerDamaged)
  }
  await rm(file)
  await expect(openAnchor(file)).rejects.toBeInstanceOf(LedgerDamaged)
})

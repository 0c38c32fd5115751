import { appendFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { LedgerInUse } from '#core/ledger/ledger.ts'
import { ledgerFolders, openIn, type LedgerFolders } from '../level-ledger.ts'
import { checkEverything, startChild, type Acknowledged, type Child } from './ledger-acknowledged.ts'

const CHILD = join(import.meta.dirname, 'ledger-child.ts')
const KILLS = 24

/** `limit`: largest file it may write, in blocks of 512 bytes. */
function startLevel({ root }: LedgerFolders, run: string, limit?: number): Child {
  const args = [process.execPath, CHILD, root, run, String(256 * 1024)]
  return startChild('sh', '-c', `ulimit -f ${limit ?? 'unlimited'}; exec "$@"`, 'sh', ...args)
}

/** What a power cut may leave behind the last whole record of LevelDB's log file. */
async function tearTail({ folder }: LedgerFolders, garbage: Buffer): Promise<void> {
  const logs = (await readdir(folder)).filter((name) => name.endsWith('.log'))
  const newest = logs.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).at(-1)
  if (newest !== undefined) await appendFile(join(folder, newest), garbage)
}

describe('a ledger whose process dies', () => {
  test(`loses nothing acknowledged in ${KILLS} kills at random moments`, async () => {
    await using folders = await ledgerFolders()
    const acknowledged: Acknowledged[] = []
    for (let kill = 0; kill < KILLS; kill++) {
      const child = startLevel(folders, `k${kill}`)
      // Some die while they still start and recover.
      if (kill % 6 !== 5) await child.started
      await setTimeout(Math.random() * (kill % 6 === 5 ? 400 : 120))
      child.process.kill('SIGKILL')
      await child.ended
      expect(child.errors()).toBe('')
      acknowledged.push(...child.acknowledged())
      if (kill % 4 === 1) await tearTail(folders, Buffer.alloc(5000))
      if (kill % 4 === 3)
        await tearTail(folders, Buffer.from(Array.from({ length: 50 }, () => Math.random() * 256)))
      if (kill % 8 !== 7) continue
      await using ledger = (await openIn(folders)).ledger
      await checkEverything(ledger, acknowledged)
    }
    expect(acknowledged.length).toBeGreaterThan(20 * KILLS)
    expect(new Set(acknowledged.map(({ version }) => version)).size).toBe(acknowledged.length)
    const indexes = acknowledged.flatMap(({ index }) => (index === undefined ? [] : [index]))
    expect(new Set(indexes).size, 'no index was given twice').toBe(indexes.length)
  })

  test('while it lives no other process may open it', async () => {
    await using folders = await ledgerFolders()
    const child = startLevel(folders, 'a')
    await child.started
    await expect(openIn(folders)).rejects.toBeInstanceOf(LedgerInUse)
    child.process.kill('SIGKILL')
    await child.ended
    await using ledger = (await openIn(folders)).ledger
    await checkEverything(ledger, child.acknowledged())
    await expect(openIn(folders)).rejects.toBeInstanceOf(LedgerInUse)
  })

  test('stops when the disk takes no more, and has everything acknowledged when opened again', async () => {
    await using folders = await ledgerFolders()
    const acknowledged: Acknowledged[] = []
    for (const [run, limit] of [300, 301, 350].entries()) {
      const child = startLevel(folders, `f${run}`, limit)
      await child.ended
      expect(child.errors()).toBe('ledger-stopped\n')
      acknowledged.push(...child.acknowledged())
      await using ledger = (await openIn(folders)).ledger
      await checkEverything(ledger, acknowledged)
    }
    expect(acknowledged.length).toBeGreaterThan(100)
  })
})

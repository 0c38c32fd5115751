import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { startJobs } from '#core/jobs/worker.ts'
import { createLogger } from '#core/logger.ts'
import { beginErasure, eraseCustomer, eraseJob } from '#core/records/erasure.ts'
import { createNames } from '#core/records/names.ts'
import { loggedFacts } from '../logged-facts.ts'
import { foldersIn, ledgerFolders, openIn } from '../level-ledger.ts'
import { begin, openRecordsWorld } from '../records-world.ts'

const CHILD = join(import.meta.dirname, 'erasure-child.ts')
const AT_ONCE = 3

/** Runs until it stops before its next write, or is through; then kills it. Gives which of the two. */
async function runAndKill(root: string, stopAt: number): Promise<string> {
  const child = spawn(process.execPath, [CHILD, root, String(stopAt)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  const said = Promise.withResolvers<string>()
  createInterface({ input: child.stdout }).on('line', said.resolve)
  void ended.then(() => said.reject(new Error('the child ended by itself')))
  const word = await said.promise
  child.kill('SIGKILL')
  await ended
  return word
}

test('killed between any two writes, the erasure is completed at the next start', async () => {
  await using folders = await ledgerFolders()
  const { accountId, ids } = await (async () => {
    await using world = await openRecordsWorld(folders)
    const account = await world.customer()
    const ids = []
    for (let i = 0; i < 2; i++) ids.push((await world.grant(account, await world.business())).value.grantId)
    const wish = {
      accountId: account.accountId,
      askDeletion: false,
      deletePod: true,
      cause: 'own-act',
    } as const
    const { ledger, names, now } = world
    await ledger.commit((await beginErasure({ reader: ledger, names }, wish, now())).parts)
    return { accountId: account.accountId, ids }
  })()

  const killAt = async (stopAt: number): Promise<string> => {
    await using own = await ledgerFolders()
    await cp(folders.root, own.root, { recursive: true })
    const word = await runAndKill(own.root, stopAt)
    const { ledger, keys } = await openIn(foldersIn(own.root), { now: () => begin })
    await using _ledger = ledger
    const nothing = async () => {}
    const names = createNames(await keys.secret('names'))
    const ports = { ledger, keys, names, now: () => begin, endLogin: nothing, removePod: nothing }
    {
      const handlers = { [eraseJob]: eraseCustomer(ports) }
      const log = createLogger({ level: 'silent' })
      await using jobs = startJobs({ ledger, handlers, now: () => begin, random: () => 0, log })
      await jobs.settle()
    }
    const types = (await loggedFacts(ledger)).map(({ fact }) => fact.type)
    expect(types.filter((type) => type === 'withdrawn')).toHaveLength(ids.length)
    expect(types.filter((type) => type === 'erased')).toHaveLength(1)
    expect(types.at(-1)).toBe('erased')
    expect(await ledger.list('job')).toEqual([])
    expect(await ledger.history(accountId)).toEqual([])
    const rows = await ledger.list('')
    expect(rows.filter(({ key, value }) => `${key}${JSON.stringify(value)}`.includes(accountId))).toEqual([])
    await expect(keys.customerKey(accountId)).rejects.toThrow('erased')
    return word
  }

  const words: string[] = []
  while (!words.includes('done')) {
    const stops = Array.from({ length: AT_ONCE }, (_, i) => words.length + i)
    words.push(...(await Promise.all(stops.map(killAt))))
  }
  expect(words.indexOf('done')).toBeGreaterThanOrEqual(7)
})

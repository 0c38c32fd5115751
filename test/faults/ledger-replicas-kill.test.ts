import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { letIn, openReplica, pgPlace } from '../pg-ledger.ts'
import { checkEverything, startChild, type Child } from './ledger-acknowledged.ts'

const CHILD = join(import.meta.dirname, 'ledger-pg-child.ts')

/** Waits until the replica has acknowledged that many more commits. */
async function acknowledges({ acknowledged }: Child, more: number): Promise<void> {
  const target = acknowledged().length + more
  for (let i = 0; acknowledged().length < target; i++) {
    if (i === 3000) throw new Error('a replica stands still')
    await sleep(20)
  }
}

describe('replicas in processes of their own', () => {
  test('one killed, one paused in mid-work: the others go on, and nothing acknowledged is lost', async () => {
    await using place = await pgPlace()
    // The first opens the ledger, an operator lets in the others.
    await (await openReplica(place)).ledger[Symbol.asyncDispose]()
    for (const name of ['b', 'c']) await letIn(place, name)
    const children: Child[] = []
    const start = (name: string, run: string): Child => {
      const child = startChild(process.execPath, CHILD, place.url, place.root, name, run)
      children.push(child)
      return child
    }
    try {
      const paused = start('a', 'a0')
      const other = start('b', 'b0')
      await Promise.all([acknowledges(paused, 50), acknowledges(other, 50)])
      for (let round = 0; round < 2; round++) {
        const victim = start('c', `c${round}`)
        await acknowledges(victim, 20)
        paused.process.kill('SIGSTOP')
        victim.process.kill('SIGKILL')
        await victim.ended
        await acknowledges(other, 150)
        paused.process.kill('SIGCONT')
        await acknowledges(paused, 50)
      }
    } finally {
      for (const child of children) child.process.kill('SIGKILL')
      await Promise.all(children.map(({ ended }) => ended))
    }
    for (const child of children) expect(child.errors()).toBe('')
    const all = children.flatMap(({ acknowledged }) => acknowledged())
    expect(new Set(all.map(({ version }) => version)).size).toBe(all.length)
    const indexes = all.flatMap(({ index }) => (index === undefined ? [] : [index]))
    expect(new Set(indexes).size).toBe(indexes.length)
    for (const name of ['a', 'b', 'c']) {
      await using ledger = (await openReplica(place, { name })).ledger
      await checkEverything(ledger, all)
    }
  })
})

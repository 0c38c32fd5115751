import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { every } from '#core/jobs/every.ts'
import { startJobs } from '#core/jobs/worker.ts'
import type { Job, JobHandlers, JobOptions } from '#core/jobs/worker.ts'
import { createLogger } from '#core/logger.ts'
import { enqueueJob, leaseJob, listDeadJobs, listDueJobs } from '#core/records/jobs.ts'
import type { NewJob } from '#core/records/jobs.ts'
import { anId, openRecordsWorld } from '../records-world.ts'
import type { RecordsWorld } from '../records-world.ts'

const log = createLogger({ level: 'silent' })
/** Far beyond any test: nothing here may depend on the poll. */
const never = 1e9

let world: RecordsWorld
beforeEach(async () => {
  world = await openRecordsWorld()
})
afterEach(() => world[Symbol.asyncDispose]())

const enqueue = (job: Partial<NewJob> = {}) =>
  world.ledger.commit(enqueueJob({ id: anId(), kind: 'write', payload: { n: 1 }, ...job }, world.now()))

type Runs = Record<string, JobHandlers[string]['run']>
const handlersOf = (runs: Runs): JobHandlers =>
  Object.fromEntries(Object.entries(runs).map(([kind, run]) => [kind, { run }]))

function start(runs: Runs, options: JobOptions = {}) {
  const { ledger, now } = world
  return startJobs(
    { ledger, handlers: handlersOf(runs), now, random: () => 1, log },
    { pollMs: never, ...options },
  )
}

const queued = async () => (await world.ledger.list('job/')).length
const payloads = async () => (await world.ledger.list('job-payload/')).length

describe('jobs', () => {
  test('run once each with their payload, and leave nothing behind', async () => {
    const done: Job[] = []
    await using jobs = start({ write: async (job) => void done.push(job) })
    for (const n of [1, 2, 3, 4, 5, 6, 7, 8, 9]) await enqueue({ payload: { n } })
    await jobs.settle()
    expect(done.map((job) => (job.payload as { n: number }).n).toSorted()).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9,
    ])
    expect(new Set(done.map((job) => job.attempt))).toEqual(new Set([1]))
    expect([await queued(), await payloads()]).toEqual([0, 0])
  })

  test('begin with the commit of their cause, once for an id', async () => {
    const id = anId()
    await enqueue({ id })
    await expect(enqueue({ id })).rejects.toBeInstanceOf(CommitRefused)
    expect(await queued()).toBe(1)
    const due = enqueueJob({ id: anId(), kind: 'write', payload: {} }, world.now())
    const refused = { ...due, checks: [...(due.checks ?? []), { key: 'nowhere', version: 7 }] }
    await expect(world.ledger.commit(refused)).rejects.toBeInstanceOf(CommitRefused)
    expect([await queued(), await payloads()]).toEqual([1, 1])
  })

  test('start when they are told of, without waiting for the poll', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using jobs = start({ write: async () => resolve() })
    await jobs.settle()
    await enqueue()
    jobs.wake()
    await promise
  })

  test('start by the poll when nobody told', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using _ = start({ write: async () => resolve() }, { pollMs: 10 })
    await enqueue()
    await promise
  })

  test('with a time of their own start at that time, not with the poll after it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using jobs = start({ write: async () => resolve() })
    const later = world.now() + 20
    await world.ledger.commit(enqueueJob({ id: anId(), kind: 'write', payload: {} }, later))
    await jobs.settle()
    expect(await queued()).toBe(1)
    world.clock.time = later
    await promise
  })

  test('are not missed when told of just after the last look of a pass', async () => {
    const { ledger, now } = world
    let afterLook: (() => Promise<unknown>) | undefined
    // The real ledger, with something happening between its answer to `list` and the worker's seeing it.
    const list: Ledger['list'] = async (prefix, options) => {
      const rows = await ledger.list<never>(prefix, options)
      const happens = afterLook
      afterLook = undefined
      await happens?.()
      return rows
    }
    const delayed = new Proxy(ledger, {
      get: (target, name) => {
        const member: unknown = name === 'list' ? list : Reflect.get(target, name, target)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
    let done = 0
    const handlers: Runs = { write: async () => void (done += 1) }
    await using jobs = startJobs(
      { ledger: delayed, handlers: handlersOf(handlers), now, random: () => 1, log },
      { pollMs: never },
    )
    afterLook = async () => {
      await enqueue()
      jobs.wake()
    }
    await jobs.settle()
    expect(done).toBe(1)
  })

  test('are tried again later and later, and laid aside in the end', async () => {
    let tries = 0
    await using jobs = start(
      {
        write: async () => {
          tries += 1
          throw new Error('not yet')
        },
      },
      { backoffMs: 1_000, mostBackoffMs: 3_000, mostAttempts: 4 },
    )
    const began = world.clock.time
    await enqueue({ id: 'job-that-fails-1' })
    const waits: number[] = []
    for (;;) {
      await jobs.settle()
      const [next] = await world.ledger.list<{ attempts: number }>('job/')
      if (next === undefined) break
      expect(tries).toBe(next.value.attempts)
      const due = Number(next.key.split('/')[1])
      waits.push(due - world.clock.time)
      world.clock.time = due - 1
      await jobs.settle()
      expect(tries).toBe(next.value.attempts)
      world.clock.time = due
    }
    expect(waits).toEqual([1_000, 2_000, 3_000])
    expect(tries).toBe(4)
    expect(world.clock.time - began).toBe(6_000)
    const [dead] = await listDeadJobs(world.ledger, 10)
    expect(dead?.value).toMatchObject({ id: 'job-that-fails-1', kind: 'write', attempts: 4 })
    expect(await payloads()).toBe(1)
  })

  test('that fail do not stop the others', async () => {
    const done: string[] = []
    const handlers: Runs = {
      write: async () => {
        throw new Error('never')
      },
      other: async (job) => void done.push(job.id),
    }
    await using jobs = start(handlers)
    for (let n = 0; n < 6; n++) await enqueue()
    await enqueue({ id: 'the-good-one-0001', kind: 'other' })
    await jobs.settle()
    expect(done).toEqual(['the-good-one-0001'])
  })

  test('are spread: chance shortens the wait by up to a half', async () => {
    const { ledger, now } = world
    const handlers: Runs = { write: () => Promise.reject(new Error('no')) }
    await using jobs = startJobs(
      { ledger, handlers: handlersOf(handlers), now, random: () => 0, log },
      { pollMs: never, backoffMs: 1_000 },
    )
    await enqueue()
    await jobs.settle()
    const [next] = await ledger.list('job/')
    expect(Number(next?.key.split('/')[1]) - world.clock.time).toBe(500)
  })

  test('of another process are left to it', async () => {
    await enqueue({ kind: 'elsewhere' })
    const done: string[] = []
    await using jobs = start({ write: async (job) => void done.push(job.id) })
    await jobs.settle()
    expect(await queued()).toBe(1)
    await enqueue()
    await jobs.settle()
    expect(done).toHaveLength(1)
  })

  test('are done by one of several workers', async () => {
    const done: string[] = []
    const handlers: Runs = {
      write: async (job) => {
        await sleep(1)
        done.push(job.id)
      },
    }
    for (let n = 0; n < 20; n++) await enqueue()
    await using one = start(handlers)
    await using other = start(handlers)
    await using third = start(handlers)
    await Promise.all([one.settle(), other.settle(), third.settle()])
    expect(done).toHaveLength(20)
    expect(new Set(done).size).toBe(20)
    const [ticket] = [
      ...(await enqueue()).entries,
      ...(await listDueJobs(world.ledger, world.now(), { limit: 1 })),
    ]
    if (ticket === undefined || !('value' in ticket)) throw new Error('no ticket')
    const leases = [leaseJob(ticket, world.now() + 1_000), leaseJob(ticket, world.now() + 2_000)]
    const verdicts = await world.ledger.commitEach(leases.map((lease) => lease.parts))
    expect(verdicts.map((verdict) => verdict instanceof CommitRefused)).toEqual([false, true])
  })

  test('come back when their worker died, after the lease and not before', async () => {
    await enqueue()
    const [ticket] = await listDueJobs(world.ledger, world.now(), { limit: 1 })
    if (ticket === undefined) throw new Error('no ticket')
    await world.ledger.commit(leaseJob(ticket, world.now() + 60_000).parts)
    const attempts: number[] = []
    await using jobs = start({ write: async (job) => void attempts.push(job.attempt) })
    world.clock.time += 59_999
    await jobs.settle()
    expect(attempts).toEqual([])
    world.clock.time += 1
    await jobs.settle()
    expect(attempts).toEqual([2])
  })

  test('whose lease ran out while they ran are finished by whoever has them then', async () => {
    const slow = Promise.withResolvers<void>()
    const started = Promise.withResolvers<void>()
    let runs = 0
    const handlers: Runs = {
      write: async () => {
        runs += 1
        if (runs > 1) return
        started.resolve()
        await slow.promise
        throw new Error('too late')
      },
    }
    await enqueue()
    await using one = start(handlers)
    const first = one.settle()
    await started.promise
    world.clock.time += 60_000
    await using other = start(handlers)
    await other.settle()
    expect(runs).toBe(2)
    expect(await queued()).toBe(0)
    slow.resolve()
    await first
    expect([await queued(), runs]).toEqual([0, 2])
  })

  test('with a payload sealed under a customer’s key that is gone are laid aside, not done', async () => {
    const account = await world.customer()
    await enqueue({ customer: account.accountId, payload: { receipt: 'secret' } })
    for (const row of await world.ledger.list('job/')) expect(JSON.stringify(row)).not.toContain('secret')
    await world.keys.destroyCustomerKey(account.accountId)
    const done: string[] = []
    await using jobs = start({ write: async (job) => void done.push(job.id) })
    await jobs.settle()
    expect(done).toEqual([])
    expect(await listDeadJobs(world.ledger, 10)).toHaveLength(1)
  })

  test('that run are waited for when the worker is disposed, and none begins after', async () => {
    const release = Promise.withResolvers<void>()
    const started = Promise.withResolvers<void>()
    let finished = 0
    const jobs = start(
      {
        write: async () => {
          started.resolve()
          await release.promise
          finished += 1
        },
      },
      { width: 1 },
    )
    await enqueue()
    await enqueue()
    jobs.wake()
    await started.promise
    let disposed = false
    const disposal = jobs[Symbol.asyncDispose]().then(() => (disposed = true))
    await sleep(20)
    expect(disposed).toBe(false)
    release.resolve()
    await disposal
    expect([finished, await queued()]).toEqual([1, 1])
    jobs.wake()
    await sleep(20)
    expect([finished, await queued()]).toEqual([1, 1])
  })

  test('stand still when the ledger has stopped', async () => {
    const own = await openRecordsWorld()
    const { ledger, now } = own
    await using jobs = startJobs(
      { ledger, handlers: handlersOf({ write: async () => undefined }), now, random: () => 1, log },
      { pollMs: 5 },
    )
    await own[Symbol.asyncDispose]()
    await sleep(30)
    await jobs.settle()
    expect(ledger.stopped).toBeDefined()
  })
})

describe('doing something again and again', () => {
  test('goes on after a failure, never twice at once, and stops when disposed', async () => {
    let [runs, running, most] = [0, 0, 0]
    const repeated = every(1, async () => {
      runs += 1
      running += 1
      most = Math.max(most, running)
      await sleep(3)
      running -= 1
      if (runs % 2 === 0) throw new Error('again')
    })
    while (runs < 5) await sleep(1)
    await repeated[Symbol.asyncDispose]()
    const ended = runs
    expect([most, running]).toEqual([1, 0])
    await sleep(20)
    expect(runs).toBe(ended)
  })
})

/** Jobs that may be slow as one, such as those for one host, and what they must not do to others. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startJobs } from '#core/jobs/worker.ts'
import type { Job, JobHandlers } from '#core/jobs/worker.ts'
import { createLogger } from '#core/logger.ts'
import { enqueueJob, listDeadJobs } from '#core/records/jobs.ts'
import type { NewJob } from '#core/records/jobs.ts'
import { combine } from '#core/records/parts.ts'
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
const queued = async () => (await world.ledger.list('job/')).length

describe('jobs', () => {
  test('of a slow lane hold up nobody, however many stand in front', async () => {
    const { ledger, now } = world
    const [slow, quick] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const held = Promise.withResolvers<void>()
    const lanes: JobHandlers = {
      write: {
        laneOf: async (payload) => (payload as { host: string }).host,
        run: async ({ payload }) => {
          if ((payload as { host: string }).host === 'quick') return quick.resolve()
          held.resolve()
          await slow.promise
        },
      },
    }
    const many = Array.from({ length: 1_300 }, () =>
      enqueueJob({ id: anId(), kind: 'write', payload: { host: 'slow' } }, now()),
    )
    await ledger.commit(combine(...many))
    world.clock.time += 1
    await enqueue({ payload: { host: 'quick' } })
    await using jobs = startJobs(
      { ledger, handlers: lanes, now, random: () => 1, log },
      { pollMs: never, width: 2, perLane: 1 },
    )
    jobs.wake()
    await held.promise
    // As every poll does.
    jobs.wake()
    await quick.promise
    await ledger.commit({
      writes: many.flatMap(({ writes = [] }) => writes.map(({ key }) => ({ key, value: undefined }))),
    })
    slow.resolve()
  })

  test('that say of nothing where they belong hold up nobody and are laid aside', async () => {
    const { ledger, now } = world
    const done: Job[] = []
    const handlers: JobHandlers = {
      odd: { run: () => Promise.reject(new Error('odd')), laneOf: () => Promise.reject(new Error('odd')) },
      write: { run: async (job) => void done.push(job) },
    }
    await enqueue({ kind: 'odd' })
    await enqueue()
    await using jobs = startJobs(
      { ledger, handlers, now, random: () => 1, log },
      { pollMs: never, mostAttempts: 1 },
    )
    await jobs.settle()
    expect(done).toHaveLength(1)
    expect(await listDeadJobs(ledger, 10)).toHaveLength(1)
  })

  test('of a slow lane leave room for others, and a free slot is filled at once', async () => {
    const { ledger, now } = world
    const slow = Promise.withResolvers<void>()
    const allHeld = Promise.withResolvers<void>()
    const quick = Promise.withResolvers<void>()
    const order: string[] = []
    let [held, most] = [0, 0]
    const lanes: JobHandlers = {
      write: {
        laneOf: async (payload) => (payload as { host: string }).host,
        run: async ({ payload }) => {
          const { host } = payload as { host: string }
          order.push(host)
          if (host !== 'slow')
            return order.filter((name) => name !== 'slow').length === 5 ? quick.resolve() : undefined
          held += 1
          most = Math.max(most, held)
          if (held === 2) allHeld.resolve()
          await slow.promise
          held -= 1
        },
      },
    }
    // More of the slow one than there are slots, and all of them before the others.
    for (let n = 0; n < 8; n++) await enqueue({ payload: { host: 'slow' } })
    world.clock.time += 1
    for (let n = 0; n < 5; n++) await enqueue({ payload: { host: `quick-${n}` } })
    await using jobs = startJobs(
      { ledger, handlers: lanes, now, random: () => 1, log },
      { pollMs: never, width: 3, perLane: 2 },
    )
    const settled = jobs.settle()
    await Promise.all([allHeld.promise, quick.promise])
    expect(order.filter((name) => name === 'slow')).toHaveLength(2)
    slow.resolve()
    await settled
    expect(order.filter((name) => name === 'slow')).toHaveLength(8)
    expect(most).toBe(2)
    expect(await queued()).toBe(0)
  })
})

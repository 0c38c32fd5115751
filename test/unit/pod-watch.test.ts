/** Pods that are gone are looked at ever more rarely, and those of customers who left not at all. */
import { describe, expect, test } from 'vitest'
import type { ReachPods } from '../../vault-server/pods/reach-pods.ts'
import { lookAtLostPods } from '../../vault-server/customer/pod-watch.ts'
import { recordLostAccess } from '#core/records/access.ts'
import { readCustomerStanding } from '#core/records/accounts.ts'
import { beginErasure, eraseCustomer } from '#core/records/erasure.ts'
import { openRecordsWorld } from '../records-world.ts'
import type { RecordsWorld } from '../records-world.ts'

const minute = 60_000
const day = 24 * 60 * minute

/** The agent's way to a pod that answers as `status` says, and when it was asked. */
function watchedPod(world: RecordsWorld) {
  const looks: number[] = []
  const pod = { status: 403, type: 'text/turtle' }
  const agent = {
    webId: 'https://vault.example/agent/card#me',
    fetch: async () => {
      looks.push(world.clock.time)
      return new Response('', { status: pod.status, headers: { 'content-type': pod.type } })
    },
  } as unknown as ReachPods['agent']
  const { ledger, now } = world
  return { looks, pod, look: () => lookAtLostPods({ ledger, pods: { agent }, now }) }
}

/** Looks as often as there is something due: every `step` ms. */
async function goOn(
  world: RecordsWorld,
  look: () => Promise<void>,
  { ms, step }: { ms: number; step: number },
) {
  for (const end = world.clock.time + ms; world.clock.time < end; world.clock.time += step) await look()
}

describe('a lost pod', () => {
  test('is looked at within seconds, then every five minutes, every hour, and after a month once a day; back it is open', async () => {
    await using world = await openRecordsWorld()
    const { accountId } = await world.customer()
    await recordLostAccess(world.ledger, accountId)
    const { looks, pod, look } = watchedPod(world)
    const counted = async (ms: number, step: number) => {
      const before = looks.length
      await goOn(world, look, { ms, step })
      return looks.length - before
    }
    expect(await counted(10_000, 1_000)).toBeGreaterThanOrEqual(2)
    await counted(day - 10_000, minute)
    const inSecondDay = await counted(day, 10 * minute)
    expect(inSecondDay).toBeGreaterThanOrEqual(20)
    expect(inSecondDay).toBeLessThanOrEqual(30)
    await counted(29 * day, 60 * minute)
    const inSecondMonth = await counted(30 * day, 60 * minute)
    expect(inSecondMonth).toBeGreaterThanOrEqual(28)
    expect(inSecondMonth).toBeLessThanOrEqual(31)
    // As whoever stands before a server that is being moved says to everything.
    Object.assign(pod, { status: 200, type: 'text/html; charset=utf-8' })
    await counted(25 * 60 * minute, 60 * minute)
    expect((await readCustomerStanding(world.ledger, accountId))?.value.podAccess).toBe('lost')
    pod.type = 'text/turtle'
    await counted(25 * 60 * minute, 60 * minute)
    expect((await readCustomerStanding(world.ledger, accountId))?.value.podAccess).toBe('open')
  })

  test('of a customer who disconnected it, or who left, is not asked any more', async () => {
    await using world = await openRecordsWorld()
    const { ledger, names, keys, now } = world
    const shut = await world.customer()
    const left = await world.customer()
    const { looks, look } = watchedPod(world)
    for (const { accountId } of [shut, left]) await recordLostAccess(ledger, accountId)
    await goOn(world, look, { ms: minute, step: 1_000 })
    expect(looks.length).toBeGreaterThan(0)
    await recordLostAccess(ledger, shut.accountId, { closedHere: true })
    const wish = {
      accountId: left.accountId,
      askDeletion: false,
      deletePod: false,
      cause: 'own-act',
    } as const
    const { parts, erasure } = await beginErasure({ reader: ledger, names }, wish, now())
    await ledger.commit(parts)
    const nothing = async () => undefined
    const job = eraseCustomer({ ledger, names, keys, now, endLogin: nothing, removePod: nothing })
    const payload = { accountId: left.accountId, erasure, askDeletion: false, deletePod: false }
    await job.run({ payload })
    const rows = await ledger.list('lost-pod/', { limit: 10 })
    expect(JSON.stringify(rows)).not.toContain(left.accountId)
    looks.length = 0
    await goOn(world, look, { ms: 2 * day, step: 60 * minute })
    expect(looks).toEqual([])
    expect(await ledger.list('lost-pod/', { limit: 10 })).toEqual([])
  })
})

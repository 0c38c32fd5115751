/** A business with many customers leaves: nothing from the first commit on, and every grant ends once, whatever is killed. */
import { expect, test } from 'vitest'
import { pause } from '#core/domain/grant.ts'
import { startJobs } from '#core/jobs/worker.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { createLogger } from '#core/logger.ts'
import { departure, endGrantsJob, endVendorGrants } from '#core/records/departures.ts'
import { disclosureOf } from '#core/records/disclosures.ts'
import { anId, openRecordsWorld, refusalOf } from '../records-world.ts'
import type { RecordsWorld } from '../records-world.ts'

async function population(world: RecordsWorld, customers: number) {
  const vendor = await world.business()
  const ids: string[] = []
  for (let i = 0; i < customers; i++) {
    const account = await world.customer()
    // Two of one customer share a row, and end one after the other.
    for (let held = 0; held < (i % 2) + 1; held++)
      ids.push((await world.grant(account, vendor)).value.grantId)
  }
  return { vendor, ids }
}

/** A ledger that stops working after so many commits, as when the process is killed. */
function dying(ledger: Ledger, after: number): Ledger {
  let commits = 0
  return new Proxy(ledger, {
    get: (target, name: keyof Ledger) =>
      name === 'commit'
        ? async (...parts: Parameters<Ledger['commit']>) => {
            if (commits++ >= after) throw new Error('killed')
            return target.commit(...parts)
          }
        : typeof target[name] === 'function'
          ? target[name].bind(target)
          : target[name],
  })
}

const ends = async (world: RecordsWorld, ids: readonly string[]) =>
  Promise.all(
    ids.map(async (id) => (await world.story(id)).filter(({ type }) => type === 'relinquished').length),
  )

test.each([0, 1, 7, 12])('killed after %i commits of the job, it goes on where it was', async (commits) => {
  await using world = await openRecordsWorld()
  const { ledger, names, now } = world
  const { vendor, ids } = await population(world, 12)
  const [first = ''] = ids
  const paused = await world.reread(ids.at(-1) ?? '')
  await world.turn(paused, pause(paused.value, now()), 'paused')
  const basis = await world.basis(first)

  await ledger.commit((await departure(ledger, vendor.vendorId, now())).parts)
  // What was decided a moment before is refused by the ledger itself.
  const { purpose, fields } = basis.grant.value.items[0] ?? { purpose: '', fields: [] }
  const late = disclosureOf(
    basis.grant.value,
    purpose,
    fields,
  )(basis, { who: 'https://x.example/#me', data: '{}' })
  expect(await refusalOf(ledger.commit(late))).toBe('changed')
  expect(await ends(world, ids)).toEqual(ids.map(() => 0))

  const job = { payload: { vendorId: vendor.vendorId } }
  const killed = endVendorGrants({ ledger: dying(ledger, commits), names, now }, { atOnce: 4 }).run(job)
  await expect(killed).rejects.toThrow('killed')

  const handlers = { [endGrantsJob]: endVendorGrants({ ledger, names, now }, { atOnce: 3 }) }
  await using jobs = startJobs({
    ledger,
    handlers,
    now,
    random: () => 0,
    log: createLogger({ level: 'silent' }),
  })
  await jobs.settle()
  expect(await ends(world, ids)).toEqual(ids.map(() => 1))
  for (const id of ids)
    expect((await world.reread(id)).value).toMatchObject({ state: 'withdrawn', endedBy: 'business' })
  // Done again it changes nothing.
  await handlers[endGrantsJob]?.run(job)
  expect(await ends(world, ids)).toEqual(ids.map(() => 1))
})

test('a business leaves once, and grants of others stay', async () => {
  await using world = await openRecordsWorld()
  const { ledger, names, now } = world
  const { vendor, ids } = await population(world, 3)
  const other = await world.grant(await world.customer(), await world.business())
  const [one, two] = [
    await departure(ledger, vendor.vendorId, now()),
    await departure(ledger, vendor.vendorId, now()),
  ]
  await ledger.commit(one.parts)
  await expect(ledger.commit(two.parts)).rejects.toThrow(CommitRefused)
  await expect(departure(ledger, vendor.vendorId, now())).rejects.toMatchObject({ code: 'conflict' })
  await expect(departure(ledger, anId(), now())).rejects.toMatchObject({ code: 'not-found' })
  await endVendorGrants({ ledger, names, now }).run({ payload: { vendorId: vendor.vendorId } })
  expect(await ends(world, ids)).toEqual(ids.map(() => 1))
  expect((await world.reread(other.value.grantId)).value.state).toBe('active')
})

/**
 * The ledger on PostgreSQL, as ratios of one run: durable commits a second, with so many callers waiting, against single-row
 * transactions that the same server syncs for one connection in the same round. `node bench/store.ts` prints them.
 */
import type { Commit, Ledger } from '#core/ledger/ledger.ts'
import { connect } from '#core/ledger/pg-database.ts'
import { letIn, openReplica, pgPlace } from '../test/pg-ledger.ts'

const WAITING = [1, 16, 256] as const

export interface StoreRow {
  readonly name: string
  /** Commits a second, over raw transactions a second of the same round. */
  readonly ratio: number
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] ?? Number.NaN
}

/** A disclosure as the gateway commits it: a check, a counter, an entry. */
const disclosure: Commit = {
  checks: [{ key: 'grant', version: 1 }],
  counters: [{ key: 'seq' }],
  entries: [
    { claims: ({ counts }) => ({ ops: `{"type":"disclosed","seq":${counts[0]},"${'x'.repeat(250)}":1}` }) },
  ],
}

/** Commits a second; `ms` is how long it is looked at. */
async function rateOf(ledgers: readonly Ledger[], waiting: number, ms: number): Promise<number> {
  let done = 0
  const begun = performance.now()
  const caller = async (ledger: Ledger): Promise<void> => {
    while (performance.now() - begun < ms) {
      await ledger.commit(disclosure)
      done++
    }
  }
  await Promise.all(
    ledgers.flatMap((ledger) => Array.from({ length: waiting / ledgers.length }, () => caller(ledger))),
  )
  return (done * 1000) / (performance.now() - begun)
}

async function rawRate(url: string, ms: number): Promise<number> {
  const client = await connect(url)
  await client.query('create table if not exists raw (n bigint, value bytea)')
  const value = Buffer.alloc(700, 1)
  let done = 0
  const begun = performance.now()
  while (performance.now() - begun < ms)
    await client.query({ name: 'raw', text: 'insert into raw values ($1, $2)', values: [++done, value] })
  const rate = (done * 1000) / (performance.now() - begun)
  await client.end()
  return rate
}

/** Medians of interleaved rounds. */
export async function measureStore({ rounds, ms }: { rounds: number; ms: number }): Promise<StoreRow[]> {
  await using place = await pgPlace()
  await using one = (await openReplica(place)).ledger
  await one.commit({ writes: [{ key: 'grant', value: 'active' }] })
  await letIn(place, 'b')
  await using other = (await openReplica(place, { name: 'b' })).ledger
  const measured = new Map<string, number[]>()
  for (let round = 0; round < rounds; round++) {
    const raw = await rawRate(place.url, ms)
    for (const [replicas, ledgers] of [
      ['one replica', [one]],
      ['two replicas', [one, other]],
    ] as const)
      for (const waiting of WAITING.filter((count) => count >= ledgers.length)) {
        const name = `PostgreSQL, ${replicas}, ${waiting} waiting`
        const rate = await rateOf(ledgers, waiting, ms)
        measured.set(name, [...(measured.get(name) ?? []), rate / raw])
      }
  }
  return [...measured].map(([name, ratios]) => ({ name, ratio: median(ratios) }))
}

if (import.meta.main) {
  for (const { name, ratio } of await measureStore({ rounds: 3, ms: 1_000 }))
    console.log(`${name}: ${ratio.toFixed(2)} of raw synced commits`)
  process.exit()
}

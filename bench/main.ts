/**
 * `npm run bench -- [--quick] [--json FILE]`: what a query costs, as ratios to what it cannot cost less than. Absolute
 * figures of a shared machine mean nothing and are never compared; only ratios of one run decide, medians of interleaved
 * rounds. Correctness decides always: every reply right, samples compared with the pods and held against the log, as many
 * log entries as customers served, and a root that recomputes. docs/bench.md explains every line.
 */
import { writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { newKey } from './business.ts'
import { CoreBench } from './core.ts'
import { GatewayBench } from './gateways.ts'
import { ledgerRatios, measureLedger } from './ledger.ts'
import { PodServerBench } from './pod-server.ts'
import { profileTableOf, tableOf, tokenRatiosOf, verdictTableOf, verdictsOf } from './report.ts'
import { Samples } from './samples.ts'
import { ServerProcess } from './server-process.ts'
import { measureSignatures } from './signatures.ts'
import { TokenBench } from './tokens.ts'

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
})
const rounds = options.quick ? 1 : 3
const slice = options.quick ? 0.4 : 0.8
const size = options.quick ? { customers: 200, vendors: 8 } : { customers: 1500, vendors: 8 }

const began = performance.now()
const load = loadavg()[0] ?? 0
const samples = new Samples()
const issuerKey = newKey()
const { profile, notes } = await measure()
const ledger = ledgerRatios()
const verdicts = verdictsOf(samples, ledger)

console.log(`\n${tableOf(samples)}\n`)
for (const [key, value] of ledger)
  if (key.startsWith('cpu-us-'))
    console.log(`ledger alone, ${key.slice(7)} waiting: ${value.toFixed(1)} us of CPU an entry`)
console.log(`\n${profileTableOf('where the main thread of the gateway is, 64 connections', profile)}`)
console.log(`\n${verdictTableOf(verdicts)}\n\n${notes.join('\n')}`)
const seconds = (performance.now() - began) / 1000
console.log(
  `${seconds.toFixed(0)} s, load average ${load.toFixed(2)} before, ${loadavg()[0]?.toFixed(2)} after`,
)
if (options.json !== undefined) {
  const measured = Object.fromEntries(samples.names().map((name) => [name, samples.median(name)]))
  const tokens = tokenRatiosOf(samples)
  const report = {
    v: 1,
    seconds,
    load,
    verdicts,
    tokens,
    measured,
    ledger: Object.fromEntries(ledger),
    profile,
  }
  await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`)
}
if (Object.values(verdicts).some(({ holds }) => !holds)) {
  console.log(options.quick ? 'A quick run decides nothing about speed.' : 'A ratio misses its floor.')
  if (!options.quick) process.exitCode = 1
}
// The customer's session at the pod server waits minutes for its end, with a timer that nobody can reach.
process.exit()

async function measure() {
  await using core = await CoreBench.open()
  await using server = await ServerProcess.start(issuerKey, size)
  await using pods = options.quick ? undefined : await PodServerBench.open()
  await using tokens = options.quick ? undefined : await TokenBench.open()
  const gateways = new GatewayBench(server, issuerKey, samples, slice)
  const { entries: before } = await server.stats()
  await server.settle()
  await gateways.warmUp(options.quick ? 1 : 4)
  await core.measure(undefined, options.quick ? 1_000 : 8_000)

  const notes: string[] = []
  const always = [
    () => measureSignatures(samples, slice / 2),
    () => gateways.bare('default'),
    () => gateways.bare('lean'),
    () => core.measure(samples, Math.ceil(slice * 5_000)),
    () =>
      gateways.singles('der', {
        'gateway, 64 connections': 64,
        'gateway, 16 connections': 16,
        'gateway, 8 connections': 8,
        'gateway, 1 connection': 1,
      }),
    () => gateways.singles('unrecorded', { 'no record, 64 connections': 64 }),
    () => gateways.batches('der', 'gateway, batches of 100', 100),
    () => gateways.singles('p1363', { 'gateway with p1363': 64 }),
    () => gateways.singles('jose', { 'gateway with jose': 64 }),
    // A second time, since their difference is small.
    () => gateways.singles('der', { 'gateway, 64 connections': 64 }),
    () => gateways.singles('unrecorded', { 'no record, 64 connections': 64 }),
    () => server.withoutAnchor(() => gateways.singles('der', { 'no anchor, 64 connections': 64 })),
    async () => notes.push(await gateways.mix('gateway, mix of all sorts')),
  ]
  const atLength = [
    () => gateways.batches('der', 'gateway, batches of 10', 10),
    () => gateways.batches('der', 'gateway, batches of 1000', 1000),
    () => gateways.batches('unrecorded', 'no record, batches of 1000', 1000),
    () => gateways.batches('der', 'gateway, streams of 1000', 1000, 'application/x-ndjson'),
    () => pods?.measure(samples, 'pod server, one GET', 2 * slice),
    () => gateways.openLoop('gateway, open loop at half its rate'),
    () => measureLedger(),
  ]
  const steps = options.quick ? always : [...always, ...atLength]
  for (let round = 0; round < rounds; round++) {
    // Each round begins elsewhere: what the database does now and then, such as merging its tables, meets another of them each time.
    const first = Math.round((round * steps.length) / rounds)
    for (const step of [...steps.slice(first), ...steps.slice(0, first)]) await step()
    // Always as long after the last time: a business may ask for so many tokens a minute.
    await tokens?.measure(samples, slice)
  }
  const profile = await gateways.profile()

  const { entries } = await server.stats()
  if (entries - before !== server.served)
    throw new Error(`${server.served} customers served, but ${entries - before} entries in the log`)
  const verified = await server.verifyLog()
  if (verified !== entries) throw new Error(`the log has ${entries} entries, ${verified} of them verify`)
  notes.push(
    `${server.served} entries for what was served; the root of all ${verified} recomputes`,
    `${await gateways.prove()} replies proven against the log`,
  )
  return { profile, notes }
}

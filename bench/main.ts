/**
 * `npm run bench -- [--quick] [--json FILE]`: what a query costs, as ratios to what it cannot cost less than. Absolute
 * figures of a shared machine mean nothing and are never compared; only ratios of one run decide. Correctness decides
 * always: every reply good, samples compared with the truth, as many log entries as customers served, and a root that
 * recomputes.
 */
import { writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { newKey } from './business.ts'
import { CoreBench } from './core.ts'
import { askingOf, vaultUrl } from './house.ts'
import { valuesOf } from './pods.ts'
import { tableOf, verdictTableOf, verdictsOf } from './report.ts'
import { asked, batchRequests, nonceOf, singleRequests } from './requests.ts'
import type { Asking } from './requests.ts'
import { Samples } from './samples.ts'
import { ServerProcess } from './server-process.ts'
import { measureSignatures } from './signatures.ts'
import type { SignatureWay } from './signatures.ts'

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
{
  await using core = await CoreBench.open()
  await using server = await ServerProcess.start(issuerKey, size)
  const { gateways, bare, seats } = server.ready
  const place = new Map(seats.flatMap(({ subjects }) => subjects.map((subject, n) => [subject, n] as const)))
  const { entries: before } = await server.stats()
  const businesses: Record<string, readonly Asking[]> = {}

  /** Compares a reply with the values that the pod really holds. */
  const judge = (_request: Buffer, body: string): boolean => {
    const { subject, data }: { subject: string; data: Record<string, unknown> } = JSON.parse(body)
    const values = valuesOf(place.get(subject) ?? -1)
    return (
      JSON.stringify(data) === JSON.stringify(Object.fromEntries(asked.fields.map((id) => [id, values[id]])))
    )
  }

  const measureGateway = async (
    way: SignatureWay,
    names: Readonly<Record<string, number>>,
    warmUp: number,
  ) => {
    const port = gateways[way]
    const gatewayUrl = `http://127.0.0.1:${port}`
    const asking = (businesses[way] ??= askingOf(
      { url: `${vaultUrl}/oauth`, audience: gatewayUrl, key: issuerKey },
      seats,
    ))
    const [first] = asking
    if (first === undefined) throw new Error('there is no business')
    const nonce = await nonceOf(first, gatewayUrl, port)
    const perSecond = 9_000
    const seconds = slice * Object.keys(names).length + warmUp
    const requests = singleRequests(asking, perSecond * seconds, { gatewayUrl, nonce })
    const base = { port, requests, judge }
    let used = await server.measure(undefined, 'warm-up', { ...base, connections: 16, seconds: warmUp })
    for (const [name, connections] of Object.entries(names))
      used = await server.measure(samples, name, { ...base, connections, seconds: slice }, used)
    return { asking, gatewayUrl, nonce, port }
  }

  const measureBare = async (kind: 'default' | 'lean') => {
    const port = bare[kind]
    const host = `Host: 127.0.0.1:${port}\r\nAccept: application/json\r\n`
    const padding = `Authorization: DPoP ${'x'.repeat(600)}\r\nDPoP: ${'x'.repeat(700)}\r\n`
    const request = Buffer.from(`GET /bare/x?${'q'.repeat(110)} HTTP/1.1\r\n${host}${padding}\r\n`)
    const requests = Array<Buffer>(Math.ceil(slice * 60_000)).fill(request)
    await server.measure(samples, `bare Express, ${kind}`, {
      port,
      requests,
      connections: 64,
      seconds: slice,
    })
  }

  for (let round = 0; round < rounds; round++) {
    const warmUp = round === 0 ? 1 : 0.3
    await measureSignatures(samples, slice / 2)
    await measureBare('default')
    await measureBare('lean')
    await core.measure(samples, Math.ceil(slice * 5_000))
    const main = await measureGateway(
      'der',
      {
        'gateway, 1 connection': 1,
        'gateway, 8 connections': 8,
        'gateway, 16 connections': 16,
        'gateway, 64 connections': 64,
      },
      warmUp,
    )
    for (const customers of options.quick ? [100] : [10, 100, 1000]) {
      const count = Math.ceil((slice * 60_000) / customers)
      const { asking, gatewayUrl, nonce, port } = main
      const requests = batchRequests(asking, count, { gatewayUrl, nonce, size: customers })
      const name = `gateway, batches of ${customers}`
      const judge = (_request: Buffer, body: string) => !body.includes('"error":')
      const load = { port, requests, connections: 16, seconds: slice, customers, judge, judgeEvery: 1 }
      await server.measure(samples, name, load)
    }
    await measureGateway('p1363', { 'gateway with p1363': 64 }, warmUp)
    await measureGateway('jose', { 'gateway with jose': 64 }, warmUp)
  }

  const { entries } = await server.stats()
  if (entries - before !== server.served)
    throw new Error(`${server.served} customers served, but ${entries - before} entries in the log`)
  const verified = await server.verifyLog()
  if (verified !== entries) throw new Error(`the log has ${entries} entries, ${verified} of them verify`)
  console.log(
    `${server.served} customers served, as many log entries; the root of all ${verified} recomputes`,
  )
}

const verdicts = verdictsOf(samples, options)
console.log(`\n${tableOf(samples)}\n\n${verdictTableOf(verdicts)}`)
const seconds = (performance.now() - began) / 1000
console.log(
  `\n${seconds.toFixed(0)} s, load average ${load.toFixed(2)} before, ${loadavg()[0]?.toFixed(2)} after`,
)
if (options.json !== undefined) {
  const measured = Object.fromEntries(samples.names().map((name) => [name, samples.median(name)]))
  await writeFile(options.json, `${JSON.stringify({ v: 1, seconds, load, measured, verdicts }, null, 2)}\n`)
}
if (verdicts.some(({ holds }) => !holds)) {
  console.log(options.quick ? 'A quick run decides nothing about speed.' : 'A ratio is below its floor.')
  if (!options.quick) process.exitCode = 1
}

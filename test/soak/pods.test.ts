/**
 * Many customers at two embedded pod servers: how fast their pods are made, how long Reach takes to start with them, and how
 * long a cold read through the gateway takes, with the pod servers' share of it. `PODS=60 npm run test:soak` for fewer.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfig } from '#core/config.ts'
import { DomainError } from '#core/domain/errors.ts'
import { leanExpress, listen } from '#core/http/server.ts'
import { createLogger } from '#core/logger.ts'
import { openAccess } from '#core/pods/access.ts'
import { writeCategory } from '#core/pods/vocabulary-edit.ts'
import { createNames } from '#core/records/names.ts'
import { newBusiness, newKey, proofFor } from '../../bench/business.ts'
import { keySetOf } from '../../bench/house.ts'
import { addCustomers, addGrants, addVendor } from '../../bench/population.ts'
import { openPods } from '../../house.ts'
import type { EmbeddedPods } from '../../vault-server/pods/embedded.ts'
import { createProvisioning, podsWaiting } from '../../vault-server/pods/provisioning.ts'
import { startPodShards } from '../../vault-server/pods/shards.ts'
import { startVendorGateway } from '../../vendor-gateway/server.ts'
import { freePorts } from '../free-ports.ts'
import { ledgerFolders, openIn } from '../level-ledger.ts'
import { ownFetch } from '../pod-server.ts'

const count = Number(process.env['PODS'] ?? 1_000)
const atOnce = 8
const batch = 50
const purpose = 'dpv:DeliveryOfGoods'
const fields = ['profile.name', 'contact.email']
const log = createLogger({ level: 'silent' })
const ms = (from: number) => Math.round(performance.now() - from)

async function inPool<Item>(items: readonly Item[], work: (item: Item, index: number) => Promise<void>) {
  let next = 0
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++) await work(items[index] as Item, index)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** As a patient caller does: refused for now, it comes again. */
async function provision(server: EmbeddedPods, wanted: { podName: string; email: string; password: string }) {
  for (;;) {
    try {
      return await createProvisioning(server.door).createPod(wanted)
    } catch (error) {
      if (!(error instanceof DomainError && error.code === 'busy')) throw error
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
}

test(`${count} pods at two servers, read cold through the gateway`, async () => {
  await using opened = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'reach-soak-'))
  opened.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const [first = 0, second = 0, vaultPort = 0, gatewayPort = 0] = await freePorts(4)
  const vaultUrl = `http://localhost:${vaultPort}`
  const config = readConfig(
    {
      REACH_VAULT_URL: vaultUrl,
      REACH_GATEWAY_URL: `http://localhost:${gatewayPort}`,
      REACH_PODS_URL: `http://localhost:${first}`,
      REACH_PODS_SHARDS: `http://localhost:${second}`,
    },
    folder,
  )
  if (!config.embeddedPods) throw new Error('no pods')
  const startShards = async () => {
    const began = performance.now()
    const started = await startPodShards({
      url: config.podsUrl,
      more: config.podShards,
      folder: join(folder, 'pods'),
      vaultUrl,
      names: createNames(randomBytes(32)),
      outboundAllow: config.outboundAllow,
      log,
    })
    await started.ready
    return { started, startMs: ms(began) }
  }
  const empty = await startShards()
  let shards = empty.started
  opened.defer(() => shards[Symbol.asyncDispose]())

  const { ledger, keys } = await openIn(opened.use(await ledgerFolders()))
  opened.use(ledger)
  const house = { ledger, names: createNames(await keys.secret('names')), now: Date.now }
  const podParts = { config, ledger, keys, now: Date.now, log }
  const identity = opened.use(await openPods({ ...podParts, podServer: shards }))
  opened.use(
    await listen({
      app: leanExpress().use('/agent', identity.agent.routes),
      host: 'localhost',
      port: vaultPort,
    }),
  )

  // Made and filled, each at the server of its address.
  const began = performance.now()
  const people: { webId: string; container: string }[] = []
  const perServer = new Map<string, number>()
  let mostWaiting = 0
  let madeMs = 0
  await inPool(Array.from({ length: count }), async (_, n) => {
    const person = { podName: `p${n}`, email: `p${n}@example.org`, password: `pass word ${n}` }
    const server = shards.shardFor(person.email)
    const from = performance.now()
    const { webId, podUrl } = await provision(server, person)
    madeMs += performance.now() - from
    mostWaiting = Math.max(mostWaiting, podsWaiting(server.door))
    perServer.set(server.baseUrl, (perServer.get(server.baseUrl) ?? 0) + 1)
    const container = `${podUrl}vrm/`
    const fetchAs = await ownFetch(server, { ...person, webId })
    await openAccess(fetchAs, { container, owner: webId, agent: identity.agent.webId })
    for (const [category, values] of [
      ['profile', { name: `Person ${n}` }],
      ['contact', { email: `p${n}@example.org` }],
    ] as const) {
      const url = `${container}${category}.ttl`
      const body = writeCategory(category, values, undefined, url)
      const put = await fetchAs(url, { method: 'PUT', headers: { 'content-type': 'text/turtle' }, body })
      expect(put.ok).toBe(true)
    }
    people[n] = { webId, container }
  })
  const provisionMs = ms(began)
  expect(perServer.size).toBe(2)

  // Started again with all of them.
  await shards[Symbol.asyncDispose]()
  const again = await startShards()
  shards = again.started

  const pods = opened.use(await openPods({ ...podParts, podServer: shards }))
  const gatewayUrl = config.gatewayUrl
  const issuer = { url: `${vaultUrl}/oauth`, audience: gatewayUrl, key: newKey() }
  opened.use(await startVendorGateway({ ...podParts, pods, tuning: { issuerKeys: keySetOf(issuer) } }))
  const accounts = await addCustomers(house, people)
  const vendorId = await addVendor(house, 'soak')
  const items = [{ id: 'item-1', purpose, fields }]
  const grants = await addGrants(house, accounts, { vendorId, clientId: 'soak', items })
  const business = newBusiness(issuer, 'soak')
  const url = `${gatewayUrl}/v1/query`
  let nonce: string | undefined
  const read = async (subjects: readonly string[]): Promise<number> => {
    const reply = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `DPoP ${business.token}`,
        dpop: proofFor(business, { method: 'POST', url, nonce }),
        'content-type': 'application/json',
      },
      body: JSON.stringify({ purpose, fields, subjects }),
    })
    const told = reply.headers.get('dpop-nonce')
    if (told !== null) nonce = told
    if (reply.status === 401 && told !== null) return await read(subjects)
    expect(reply.status).toBe(200)
    const { rows } = (await reply.json()) as { rows: { data?: Record<string, unknown> }[] }
    return rows.filter(({ data }) => data?.['profile.name'] !== undefined).length
  }
  const subjects = grants.map(({ subject }) => subject)
  const pass = async () => {
    const from = performance.now()
    const left = new Set(subjects)
    // Whoever's pod could not be asked in time comes again in the next round.
    for (let round = 0; left.size > 0 && round < 20; round++)
      for (let at = 0; at < subjects.length; at += batch) {
        const asked = subjects.slice(at, at + batch).filter((subject) => left.has(subject))
        if (asked.length > 0 && (await read(asked)) === asked.length)
          for (const subject of asked) left.delete(subject)
      }
    expect(left.size).toBe(0)
    return ms(from)
  }
  await read(subjects.slice(0, 1))
  pods.forget(accounts[0]?.accountId ?? '')
  const coldMs = await pass()
  const warmMs = await pass()

  const figures = {
    pods: count,
    servers: Object.fromEntries([...perServer.values()].entries()),
    podsPerSecond: Number(((count * 1000) / provisionMs).toFixed(2)),
    meanMsToMakeOne: Math.round(madeMs / count),
    mostWaiting,
    startMs: { empty: empty.startMs, withAll: again.startMs },
    coldMsPerCustomer: Number((coldMs / count).toFixed(2)),
    warmMsPerCustomer: Number((warmMs / count).toFixed(2)),
    shareOfPodServers: Number(((coldMs - warmMs) / coldMs).toFixed(3)),
  }
  const results = join(import.meta.dirname, '../results')
  await mkdir(results, { recursive: true })
  await writeFile(join(results, 'pods.json'), `${JSON.stringify(figures, undefined, 2)}\n`)
  console.log(JSON.stringify(figures))
  // Starting is work of its own: with all pods it takes about what it takes with none.
  expect(again.startMs).toBeLessThan(3 * empty.startMs + 5_000)
})

import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { createLogger } from '#core/logger.ts'
import { createMetrics } from '#core/metrics.ts'
import { openLedgerAndKeys } from '../../house.ts'
import { startAdmin } from '../../vault-server/admin.ts'
import { operatorTokenFile } from '../../vault-server/operator/token-path.ts'
import { watchClock } from '../../vault-server/operator/clock.ts'
import { ledgerFolders, openIn } from '../level-ledger.ts'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { startTestVault } from '../vault.ts'

let pods: TestPods

beforeAll(async () => {
  pods = await sharedPods()
})

async function startTestAdmin() {
  await using opened = new AsyncDisposableStack()
  const vault = opened.use(await startTestVault(pods))
  const keysFolder = await mkdtemp(join(tmpdir(), 'reach-test-admin-'))
  opened.defer(() => rm(keysFolder, { recursive: true, force: true }))
  const state = { stopped: undefined as Error | undefined, ready: false }
  const metrics = createMetrics()
  const admin = opened.use(
    await startAdmin({
      config: { adminPort: 0, keysFolder },
      state: { stopped: () => state.stopped, ready: () => state.ready },
      vendors: vault.operator,
      metrics,
      log: createLogger({ level: 'silent', observe: metrics.observe }),
    }),
  )
  const resources = opened.move()
  const tokenFile = join(keysFolder, operatorTokenFile)
  return { vault, url: admin.url, state, tokenFile, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

function statusAs(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

test('health and readiness tell the truth to this machine only', async () => {
  await using admin = await startTestAdmin()
  const status = async (path: string) => (await fetch(admin.url + path)).status
  expect(new URL(admin.url).hostname).toBe('127.0.0.1')
  expect([await status('/health'), await status('/ready')]).toEqual([200, 503])
  admin.state.ready = true
  expect([await status('/health'), await status('/ready')]).toEqual([200, 200])
  admin.state.stopped = new Error('disk full')
  expect([await status('/health'), await status('/ready')]).toEqual([503, 503])
  const metrics = await (await fetch(`${admin.url}/metrics`)).text()
  expect(metrics).toContain(
    'reach_request_seconds_count{server="admin",route="/health",method="GET",status="2xx"} 2',
  )
  // A page in the operator's browser that made its name point here.
  expect(await statusAs(`${admin.url}/health`, { host: 'evil.example' })).toBe(421)
  expect(await statusAs(`${admin.url}/metrics`, { origin: 'http://localhost:3100' })).toBe(403)
})

test('businesses are admitted only with the token of the keys folder, which ends with the process', async () => {
  const admin = await startTestAdmin()
  const token = (await readFile(admin.tokenFile, 'utf8')).trim()
  expect((await stat(admin.tokenFile)).mode & 0o777).toBe(0o600)
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ name: 'Corner Shop', contact: 'privacy@shop.example' })
  for (const authorization of [
    undefined,
    'Bearer',
    `Bearer ${token}x`,
    `Basic ${token}`,
    `Bearer ${'A'.repeat(43)}`,
  ]) {
    const refused = await fetch(`${admin.url}/vendors`, {
      method: 'POST',
      headers: authorization === undefined ? headers : { ...headers, authorization },
      body,
    })
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="operator"')
  }
  const call = async (path: string, init: RequestInit = {}) => {
    const authorized = { ...headers, authorization: `Bearer ${token}` }
    const response = await fetch(admin.url + path, { ...init, headers: authorized })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const added = await call('/vendors', { method: 'POST', body })
  expect(added.status).toBe(201)
  const { vendorId } = added.body
  expect(Object.keys(added.body).toSorted()).toEqual([
    'admissionCode',
    'registrationEndpoint',
    'softwareStatement',
    'vendorId',
  ])
  expect(await call('/vendors')).toMatchObject({ body: { vendors: [{ vendorId, state: 'admitted' }] } })
  const act = (name: string) => call(`/vendors/${vendorId}/${name}`, { method: 'POST', body: '{}' })
  expect(await act('suspend')).toMatchObject({ status: 200, body: { state: 'suspended' } })
  expect(await act('reinstate')).toMatchObject({ status: 200, body: { state: 'admitted' } })
  expect((await call('/vendors/unknown-vendor-id')).status).toBe(404)
  expect((await call('/vendors', { method: 'POST', body: '{"name":""}' })).status).toBe(400)
  await admin[Symbol.asyncDispose]()
  await expect(stat(admin.tokenFile)).rejects.toThrow('ENOENT')
})

test('a clock that stands behind what was recorded is told, and no other', async () => {
  await using folders = await ledgerFolders()
  const told: unknown[] = []
  const log = createLogger({ level: 'silent', observe: (event, { ms }) => told.push([event, ms]) })
  const startAt = async (time: number) => {
    const now = () => time
    const { ledger } = await openIn(folders, { now })
    await using _ = ledger
    await using _watching = await watchClock({ ledger, now, log })
  }
  const right = Date.UTC(2026, 10, 23)
  const day = 24 * 3_600_000
  await startAt(right + day)
  await startAt(right + day - 60_000)
  expect(told).toEqual([])
  await startAt(right)
  expect(told).toEqual([['clock-behind', day]])

  // Or later, by another process, or since the clock was put back.
  let time = right + 2 * day
  const { ledger } = await openIn(folders, { now: () => time })
  await using _ = ledger
  await using _watching = await watchClock({ ledger, now: () => time, log }, 1)
  time = right
  await expect.poll(() => told).toContainEqual(['clock-behind', 2 * day])
})

test('a refusal to open says when it is that of the tour or the sandbox', async () => {
  await using folders = await ledgerFolders()
  const { folder: dataFolder, keysFolder } = folders
  const config = { dataFolder, keysFolder, storeUrl: undefined, vaultUrl: 'http://localhost:3100' }
  const open = () => openLedgerAndKeys({ config, now: Date.now, part: 'sandbox' })
  await (await open())[Symbol.asyncDispose]()
  await rm(join(keysFolder, 'sandbox', 'anchor'))
  await expect(open()).rejects.toThrow(/^in the sandbox, the anchor is missing/)
})

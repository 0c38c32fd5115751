/**
 * How long a start takes with few customers and with many: the ledger, the house without pods, and the pod server with as many
 * pods in its folder. `CUSTOMERS=10,100 npm run test:soak` for other sizes.
 */
import { cp, link, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { randomBytes, randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { readConfig } from '#core/config.ts'
import { createLogger } from '#core/logger.ts'
import { createMetrics } from '#core/metrics.ts'
import { createNames } from '#core/records/names.ts'
import { addCustomers, addGrants, addVendor } from '../../bench/population.ts'
import { openLedgerAndKeys } from '../../house.ts'
import { startReach } from '../../reach.ts'
import type { EmbeddedPods } from '../../vault-server/pods/embedded.ts'
import { startEmbeddedPods } from '../../vault-server/pods/embedded.ts'
import { createProvisioning } from '../../vault-server/pods/provisioning.ts'
import { freePorts } from '../free-ports.ts'
import { podServerPid } from '../pod-server.ts'

const sizes = (process.env['CUSTOMERS'] ?? '10,1000,20000').split(',').map(Number)
const items = [{ id: 'item-1', purpose: 'dpv:DeliveryOfGoods', fields: ['profile.name'] }]
const log = createLogger({ level: 'silent' })
const now = Date.now
const atOnce = 64
/** The least of three: one start may meet whatever else the machine does. */
const starts = 3

/** Time on the clock and on the processor, in ms; of the pod server's own process where there is one. */
async function timed(
  work: () => Promise<AsyncDisposable & { readonly podServer?: EmbeddedPods | undefined }>,
) {
  const took: number[] = []
  const cpu: number[] = []
  for (let n = 0; n < starts; n++) {
    const from = performance.now()
    const before = process.cpuUsage()
    const started = await work()
    took.push(performance.now() - from)
    const { user, system } = process.cpuUsage(before)
    const { podServer } = started
    cpu.push((user + system) / 1000 + (podServer === undefined ? 0 : await cpuOf(podServerPid(podServer))))
    await started[Symbol.asyncDispose]()
  }
  return { ms: Math.round(Math.min(...took)), cpuMs: Math.round(Math.min(...cpu)) }
}

/** proc(5): ticks of 10 ms in user and kernel mode. */
async function cpuOf(pid: number): Promise<number> {
  const [, fields = ''] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')
  const [user = 0, system = 0] = fields.split(' ').slice(11, 13).map(Number)
  return (user + system) * 10
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

/** As many pods as wanted after the pattern of one that the pod server made: its documents and its account's records. */
async function multiply(root: string, pattern: string, wanted: number): Promise<void> {
  const files = await filesIn(root)
  const own: { file: string; text: string }[] = []
  const ids = new Set<string>()
  for (const file of files) {
    const text = await readFile(file, 'utf8')
    if (!`${file}\n${text}`.includes(pattern)) continue
    own.push({ file: relative(root, file), text })
    if (file.includes('accounts'))
      for (const id of text.match(/[0-9a-f]{8}-[0-9a-f-]{27}/g) ?? []) ids.add(id)
  }
  for (const file of files) {
    const isNamed = [...ids].some((id) => file.includes(id))
    if (isNamed && !own.some((one) => one.file === relative(root, file)))
      own.push({ file: relative(root, file), text: await readFile(file, 'utf8') })
  }
  let next = 1
  const worker = async () => {
    for (let n = next++; n < wanted; n = next++) {
      const names = [[pattern, `${pattern}${n}`], ...[...ids].map((id) => [id, randomUUID()])] as const
      const renamed = (text: string) =>
        names.reduce((all, [from = '', to = '']) => all.replaceAll(from, to), text)
      for (const { file, text } of own) {
        const target = join(root, renamed(file))
        await mkdir(dirname(target), { recursive: true })
        // Documents are only looked at if at all: one copy serves, and the disk is spared.
        if (file.startsWith('.internal')) await writeFile(target, renamed(text))
        else await link(join(root, file), target).catch(() => cp(join(root, file), target))
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

async function measure(customers: number) {
  await using opened = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'reach-start-'))
  opened.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const [vault, gateway, admin, podsPort] = await freePorts(4)
  const env = {
    REACH_VAULT_URL: `http://localhost:${vault}`,
    REACH_GATEWAY_URL: `http://localhost:${gateway}`,
    REACH_ADMIN_PORT: String(admin),
    REACH_TOUR: 'off',
    REACH_SANDBOX: 'off',
  }
  const without = readConfig({ ...env, REACH_PODS_URL: 'off' }, folder)
  const config = readConfig({ ...env, REACH_PODS_URL: `http://localhost:${podsPort}` }, folder)
  {
    await using house = await openLedgerAndKeys({ config, now, part: '' })
    const { ledger, keys } = house
    const parts = { ledger, names: createNames(await keys.secret('names')), now }
    const people = Array.from({ length: customers }, (_, n) => ({
      webId: `http://localhost:${podsPort}/pattern${n}/profile/card#me`,
      container: `http://localhost:${podsPort}/pattern${n}/vrm/`,
    }))
    const accounts = await addCustomers(parts, people)
    const vendorId = await addVendor(parts, 'soak')
    await addGrants(parts, accounts, { vendorId, clientId: 'soak', items })
  }
  const podServer = () =>
    startEmbeddedPods({
      url: `http://localhost:${podsPort}/`,
      folder: join(folder, 'data/pods'),
      vaultUrl: config.vaultUrl,
      names: createNames(randomBytes(32)),
      log,
    })
  {
    await using pods = await podServer()
    await pods.ready
    const person = { podName: 'pattern', email: 'pattern@example.org', password: 'pass word' }
    await createProvisioning(pods.door).createPod(person)
  }
  await multiply(join(folder, 'data/pods/root'), 'pattern', customers)

  const ledger = await timed(() => openLedgerAndKeys({ config, now, part: '' }))
  const house = await timed(() => startReach({ config: without, now, log, metrics: createMetrics() }))
  const pods = await timed(async () => {
    const server = await podServer()
    await server.ready
    return Object.assign(server, { podServer: server })
  })
  const whole = await timed(async () => {
    const reach = await startReach({ config, now, log, metrics: createMetrics() })
    await reach.podServer?.ready
    return reach
  })
  const files = (await filesIn(join(folder, 'data/pods/root'))).length
  return { customers, files, ledger, house, pods, whole }
}

test(`a start with ${sizes.join(', ')} customers`, async () => {
  const figures = []
  for (const size of sizes) {
    figures.push(await measure(size))
    console.log(JSON.stringify(figures.at(-1)))
  }
  await mkdir(join(import.meta.dirname, '../results'), { recursive: true })
  await writeFile(
    join(import.meta.dirname, '../results/start.json'),
    `${JSON.stringify(figures, undefined, 2)}\n`,
  )
  const [few, many] = [figures[0], figures.at(-1)]
  if (few === undefined || many === undefined) throw new Error('no sizes')
  // What grows is what the ledger looks through at its end, and that is capped: see docs/pods.md.
  expect(many.whole.cpuMs).toBeLessThan(2 * few.whole.cpuMs + 2_000)
})

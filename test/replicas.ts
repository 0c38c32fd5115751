/**
 * Two vaults and two gateways as an operator runs them: programs of their own on one PostgreSQL, the embedded pods beside the
 * first vault, and in front of each pair what spreads requests over it.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request as forward, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '#core/config.ts'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { openKeyStore, type KeyStore } from '#core/ledger/key-store.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { enrolReplica } from '#core/ledger/pg-enrol.ts'
import { createLogger } from '#core/logger.ts'
import { openLedgerAndKeys, placesOf } from '../house.ts'
import { openAuthorizationServer } from '../vault-server/oauth/provider.ts'
import { vendorOperator, type VendorOperator } from '../vault-server/operator/vendors.ts'
import { freePorts } from './free-ports.ts'
import { postgres } from './postgres.ts'
import { programEnvironment } from './program-environment.ts'

const root = join(import.meta.dirname, '..')

export type ReplicaName = 'vault-a' | 'vault-b' | 'gateway-1' | 'gateway-2'

/** Asks a vault or a gateway by its number, whatever its front would choose. */
export const REPLICA_HEADER = 'x-test-replica'

interface Program {
  readonly child: ChildProcess
  /** On standard output. */
  said: string
  readonly ended: Promise<unknown>
}

export interface Replicas extends AsyncDisposable {
  readonly vaultUrl: string
  readonly gatewayUrl: string
  /** Which vault requests come to from now on; new pods are made at the first. */
  vault: 'vault-a' | 'vault-b'
  process(name: ReplicaName): ChildProcess
  start(name: ReplicaName): Promise<void>
  /** `reach` as it runs beside a replica. */
  reach(name: ReplicaName, ...words: string[]): Promise<{ code: number; out: string; err: string }>
  /** The ledger as one more replica sees it. */
  readonly ledger: Ledger
  readonly keys: KeyStore
  readonly operator: VendorOperator
  /** What the programs said on standard error. */
  errors(): string
}

export async function startReplicas(): Promise<Replicas> {
  await using opened = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'reach-replicas-'))
  opened.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const store = await (await postgres()).database()
  const names: readonly ReplicaName[] = ['vault-a', 'vault-b', 'gateway-1', 'gateway-2']
  const [pods = 0, ...listening] = await freePorts(1 + names.length)
  // The operator port of a gateway is the one after its setting.
  const admin = await freePorts(names.length + 1)
  const portOf = new Map(names.map((name, i) => [name, listening[i] ?? 0]))
  let vault: 'vault-a' | 'vault-b' = 'vault-a'
  const vaultFront = opened.use(
    await startFront((path, wanted) => {
      const asked = wanted === undefined ? vault : wanted === '2' ? 'vault-b' : 'vault-a'
      return portOf.get(path.startsWith('/api/vaults') ? 'vault-a' : asked) ?? 0
    }),
  )
  const gatewayFront = opened.use(
    await startFront((_path, wanted) => portOf.get(wanted === '2' ? 'gateway-2' : 'gateway-1') ?? 0),
  )
  const shared = {
    REACH_VAULT_URL: `http://localhost:${vaultFront.port}`,
    REACH_GATEWAY_URL: `http://localhost:${gatewayFront.port}`,
    REACH_PODS_URL: `http://localhost:${pods}`,
    REACH_KEYS: join(folder, 'keys'),
    REACH_STORE: store,
    REACH_STATE: join(folder, 'state'),
  }
  const settingsOf = (name: ReplicaName): NodeJS.ProcessEnv => ({
    ...shared,
    ...programEnvironment,
    REACH_PODS_HERE: name === 'vault-a' ? 'on' : 'off',
    REACH_DATA: join(folder, `data-${name}`),
    REACH_VAULT_PORT: String(portOf.get(name)),
    REACH_GATEWAY_PORT: String(portOf.get(name)),
    REACH_ADMIN_PORT: String((admin[names.indexOf(name)] ?? 1) - (name.startsWith('gateway') ? 1 : 0)),
    ...(name.startsWith('vault')
      ? { REACH_GATEWAY_PORT: String(admin.at(-1)) }
      : { REACH_VAULT_PORT: String(admin.at(-1)) }),
  })
  const running = new Map<ReplicaName, Program>()
  let errors = ''
  function run(name: ReplicaName, program: string, ...words: string[]): ChildProcess {
    return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, program), ...words], {
      env: settingsOf(name),
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }
  async function start(name: ReplicaName): Promise<void> {
    const child = run(name, name.startsWith('vault') ? 'vault-server/main.ts' : 'vendor-gateway/main.ts')
    const program: Program = { child, said: '', ended: once(child, 'close') }
    running.set(name, program)
    child.stderr?.on('data', (bytes: Buffer) => (errors += `${name}: ${bytes.toString()}`))
    child.stdout?.on('data', (bytes: Buffer) => (program.said += bytes.toString()))
    await says(name, 'listens at')
  }
  async function says(name: ReplicaName, wanted: string): Promise<void> {
    const program = programOf(name)
    const { child, ended } = program
    while (!program.said.includes(wanted)) {
      const next = await Promise.race([once(child.stdout ?? child, 'data'), ended.then(() => 'ended')])
      if (next === 'ended') throw new Error(`${name} ended: ${errors}`)
    }
  }
  function programOf(name: ReplicaName): Program {
    const program = running.get(name)
    if (!program) throw new Error(`${name} was not started`)
    return program
  }
  async function reach(name: ReplicaName, ...words: string[]) {
    const child = run(name, 'cli/main.ts', ...words)
    const said = { out: '', err: '' }
    child.stdout?.on('data', (bytes: Buffer) => (said.out += bytes.toString()))
    child.stderr?.on('data', (bytes: Buffer) => (said.err += bytes.toString()))
    const [code] = (await once(child, 'close')) as [number | null]
    return { code: code ?? -1, ...said }
  }
  opened.defer(async () => {
    for (const { child } of running.values()) {
      child.kill('SIGCONT')
      child.kill('SIGTERM')
    }
    await Promise.all([...running.values()].map(({ ended }) => ended))
  })

  await start('vault-a')
  const config = readConfig({ ...shared, REACH_DATA: join(folder, 'data-test') }, folder)
  const joining = names.slice(1).map(async (name) => {
    const words = name.startsWith('gateway') ? ['--gateway'] : []
    const { code, err } = await reach(name, 'store', 'enrol', ...words)
    if (code !== 0) throw new Error(`${name} was not let in: ${err}`)
    await start(name)
  })
  await Promise.all([...joining, says('vault-a', 'The pods are ready')])
  const places = placesOf(config, '')
  await enrolReplica({
    url: store,
    part: '',
    signer: createLogSigner(places.origin, await openKeyStore(places.keysFolder)),
    anchorFile: places.replicaAnchor,
    checkpoint: await (await fetch(`${config.vaultUrl}/log/checkpoint`)).text(),
  })
  const house = opened.use(await openLedgerAndKeys({ config, now: Date.now, part: '' }))
  const { ledger, keys } = house
  const log = createLogger({ level: 'silent' })
  const authorization = await openAuthorizationServer({ config, ledger, keys, now: Date.now, log })
  const operator = vendorOperator({ ledger, authorization, now: Date.now })
  const resources = opened.move()
  return {
    vaultUrl: config.vaultUrl,
    gatewayUrl: config.gatewayUrl,
    get vault() {
      return vault
    },
    set vault(name) {
      vault = name
    },
    process: (name) => programOf(name).child,
    start,
    reach,
    ledger,
    keys,
    operator,
    errors: () => errors,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** Passes each request on to the port that `choose` gives for it, as it stands. */
async function startFront(
  choose: (path: string, wanted: string | undefined) => number,
): Promise<{ readonly port: number } & AsyncDisposable> {
  const server: Server = createServer((request, response) => {
    const { method, url = '/', headers, rawHeaders } = request
    const port = choose(url, headers[REPLICA_HEADER]?.toString())
    const upstream = forward({ host: 'localhost', port, method, path: url, headers: rawHeaders }, (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.rawHeaders)
      response.flushHeaders()
      reply.pipe(response)
      reply.on('error', () => response.destroy())
    })
    upstream.on('error', () => response.destroy())
    response.on('close', () => upstream.destroy())
    request.pipe(upstream)
  })
  server.listen(0, 'localhost')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
}

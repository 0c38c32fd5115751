/** The real pod server for tests: started once per worker, with as many fresh customers as wanted. */
import { execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Session } from '@inrupt/solid-client-authn-node'
import type { Logger } from '../core/logger.ts'
import type { PodFetch } from '../core/pods/pod.ts'
import { createNames } from '../core/records/names.ts'
import { control, jsonOf, knock } from '../vault-server/pods/door.ts'
import { startEmbeddedPods } from '../vault-server/pods/embedded.ts'
import type { EmbeddedPods } from '../vault-server/pods/embedded.ts'
import { createProvisioning } from '../vault-server/pods/provisioning.ts'
import { freePort } from './free-ports.ts'

const VAULTS = 200
const silent = { info: () => undefined, warn: () => undefined }

export interface TestCustomer {
  readonly email: string
  readonly password: string
  readonly webId: string
  readonly podUrl: string
  /** The vrm/ container. */
  readonly container: string
  /** As the customer, by her own login. */
  readonly fetch: PodFetch
}

export interface TestPods extends AsyncDisposable {
  readonly server: EmbeddedPods
  readonly folder: string
  customer(): Promise<TestCustomer>
  /**
   * A free port for a vault; the pod server may call `http://localhost:<port>` and no other private address.
   */
  vaultPort(): Promise<number>
}

let shared: Promise<TestPods> | undefined

/**
 * The pods of this worker. Nobody stops them: their process ends with the worker's, and so do their files.
 */
export function sharedPods(): Promise<TestPods> {
  shared ??= startTestPods().then((pods) => {
    // The test runner ends a worker by this signal.
    process.once('SIGTERM', () => {
      for (const folder of [pods.folder, dirname(pods.server.door.socket)]) {
        rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
      }
      process.exit()
    })
    return pods
  })
  return shared
}

/** Pods of one's own, for tests that stop, kill or reconfigure them. */
export async function startTestPods(
  options: { accessRules?: 'wac' | 'acp'; podBytes?: number; log?: Pick<Logger, 'info' | 'warn'> } = {},
): Promise<TestPods> {
  const folder = await mkdtemp(join(tmpdir(), 'reach-test-pods-'))
  const held = await Promise.all(Array.from({ length: VAULTS }, holdPort))
  const port = await freePort()
  const server = await startEmbeddedPods({
    url: `http://localhost:${port}/`,
    folder,
    vaultUrl: 'http://localhost:1',
    names: createNames(randomBytes(32)),
    outboundAllow: held.map((one) => `http://localhost:${portOf(one)}`),
    log: silent,
    ...options,
  })
  await server.ready
  const provisioning = createProvisioning(server.door)
  return {
    server,
    folder,
    async customer() {
      const name = `c${randomBytes(8).toString('hex')}`
      const email = `${name}@example.org`
      const password = randomUUID()
      const { webId, podUrl } = await provisioning.createPod({ podName: name, email, password })
      const fetch = await ownFetch(server, { email, password, webId })
      return { email, password, webId, podUrl, container: `${podUrl}vrm/`, fetch }
    },
    async vaultPort() {
      const next = held.pop()
      if (!next) throw new Error(`more than ${VAULTS} vaults in one worker`)
      return await release(next)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(held.splice(0).map(release))
      await server[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Of the process behind these pods, as `ps` shows it: a test file may not be the only one with pods here. */
export function podServerPid({ baseUrl }: EmbeddedPods): number {
  const lines = execFileSync('ps', ['-o', 'pid=,args=', '-A'], { encoding: 'utf8' }).split('\n')
  const pids = lines.filter((line) => line.trimEnd().endsWith(` reach pods ${baseUrl}`)).map(parseFloat)
  if (pids.length !== 1) throw new Error(`${pids.length} processes for these pods`)
  return Number(pids[0])
}

/** Calls of the pod server's account API, with a token as that account. */
export function askAccounts(door: EmbeddedPods['door']) {
  return async (url: string, token?: string, body?: object) =>
    jsonOf(
      await knock(door, url, {
        method: body ? 'POST' : 'GET',
        headers: {
          accept: 'application/json',
          ...(body && { 'content-type': 'application/json' }),
          ...(token !== undefined && { authorization: `CSS-Account-Token ${token}` }),
        },
        ...(body && { body: JSON.stringify(body) }),
      }),
    )
}

/** The customer's own fetch, by client credentials that she makes at the pod server. */
export async function ownFetch(
  { door, baseUrl }: EmbeddedPods,
  { email, password, webId }: { email: string; password: string; webId: string },
): Promise<PodFetch> {
  const ask = askAccounts(door)
  const index = `${baseUrl}.account/`
  const open = await ask(index)
  const login = await ask(control(open.controls, 'password', 'login'), undefined, { email, password })
  const token = String(login.authorization)
  const { controls } = await ask(index, token)
  const made = await ask(control(controls, 'account', 'clientCredentials'), token, { name: 'test', webId })
  const session = new Session({ keepAlive: false })
  await session.login({
    oidcIssuer: baseUrl,
    clientId: String(made.id),
    clientSecret: String(made.secret),
    tokenType: 'DPoP',
  })
  return (url, init) => session.fetch(url, init)
}

/** Held open until it is wanted, so that nobody else gets it meanwhile. */
async function holdPort(): Promise<Server> {
  for (;;) {
    const server = createServer().listen(await freePort(), '127.0.0.1')
    try {
      await once(server, 'listening')
      return server.unref()
    } catch {
      // Somebody took it meanwhile.
    }
  }
}

const portOf = (server: Server) => (server.address() as AddressInfo).port

async function release(server: Server): Promise<number> {
  const port = portOf(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

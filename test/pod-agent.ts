/**
 * Reach's agent for tests that need no whole vault: its identity is served for real, its key kept in a
 * folder.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOutbound } from '../core/http/outbound.ts'
import type { Outbound } from '../core/http/outbound.ts'
import { leanExpress, listen } from '../core/http/server.ts'
import { openKeyStore } from '../core/ledger/key-store.ts'
import { createAgentFetch } from '../core/pods/agent.ts'
import type { PodFetch } from '../core/pods/pod.ts'
import { openAgentIdentity } from '../vault-server/pods/agent-identity.ts'
import type { TestPods } from './pod-server.ts'

export interface TestAgent extends AsyncDisposable {
  readonly webId: string
  readonly vaultUrl: string
  readonly fetch: PodFetch
  /** Opens a WebSocket under the guard that the product uses. */
  readonly connect: Outbound['openSocket']
  /** How often each path of the identity was asked for. */
  readonly asked: ReadonlyMap<string, number>
  /** Another process of the same vault: the key from the store, everything else new. */
  again(): Promise<PodFetch>
}

/** `mount` is the path below which the vault lies, such as `/tour`. */
export async function startTestAgent(pods: TestPods, options: { mount?: string } = {}): Promise<TestAgent> {
  await using opened = new AsyncDisposableStack()
  const { mount = '' } = options
  const folder = await mkdtemp(join(tmpdir(), 'reach-test-keys-'))
  opened.defer(() => rm(folder, { recursive: true, force: true }))
  const port = await pods.vaultPort()
  const vaultUrl = `http://localhost:${port}${mount}`
  const allow = [new URL(vaultUrl).origin, new URL(pods.server.baseUrl).origin]
  const outbound = opened.use(createOutbound({ allow, maxBytes: 512 * 1024 }))
  const identify = async () =>
    openAgentIdentity({ vaultUrl, keys: await openKeyStore(folder), now: Date.now })
  const fetchAs = async () =>
    createAgentFetch(await identify(), { fetch: (url, init) => outbound.fetch(url, init), now: Date.now })

  const { router, webId } = await identify()
  const asked = new Map<string, number>()
  const app = leanExpress()
  app.use((req, _res, next) => {
    asked.set(req.path, (asked.get(req.path) ?? 0) + 1)
    next()
  })
  app.use(`${mount}/agent`, router)
  opened.use(await listen({ app, host: 'localhost', port, drainMs: 200 }))
  const fetch = await fetchAs()
  const resources = opened.move()
  return {
    webId,
    vaultUrl,
    fetch,
    connect: outbound.openSocket,
    asked,
    again: fetchAs,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/**
 * Entry of the pod server's own process: the Community Solid Server on a Unix socket, with four things
 * wrapped. The wraps reach into version 7.2.0, which is pinned; `start` proves at every start that the one
 * for changes works.
 */
import {
  BaseWebIdStore,
  CreateAccountHandler,
  ForbiddenHttpError,
  MonitoringStore,
  resolveAssetPath,
} from '@solid/community-server'
import type { App, ResourceIdentifier } from '@solid/community-server'
import { timingSafeEqual } from 'node:crypto'
import { chmod } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { BEAT_MS, CREATION_SECRET, machineMs } from './child-protocol.ts'
import type { ChildStart, FromChild, ToChild } from './child-protocol.ts'
import { guardOutboundConnections } from './egress.ts'
import { limitPods } from './quota.ts'
import { createPodApp } from './wiring.ts'

const STOP_MS = 2000

function tell(message: FromChild): void {
  if (process.connected) process.send?.(message)
}

/**
 * Tells of every write, below HTTP and authorization, so that access documents and the account API are
 * covered too.
 */
function reportChanges(baseUrl: string): { seen: () => number } {
  const internal = `${baseUrl}.internal/`
  let calls = 0
  let seq = 0
  const report = ({ path: url }: ResourceIdentifier) => {
    calls += 1
    if (url.startsWith(internal)) return
    seq += 1
    tell({ type: 'changed', seq, url })
  }
  for (const method of ['addResource', 'setRepresentation', 'modifyResource', 'deleteResource'] as const) {
    const prototype = MonitoringStore.prototype as unknown as Record<
      string,
      (
        identifier: ResourceIdentifier,
        ...rest: unknown[]
      ) => Promise<ReadonlyMap<ResourceIdentifier, unknown>>
    >
    const original = prototype[method]
    if (!original) throw new Error(`the pod server's store has no ${method}`)
    prototype[method] = async function (identifier, ...rest) {
      try {
        const changes = await original.call(this, identifier, ...rest)
        for (const changed of changes.keys()) report(changed)
        return changes
      } catch (error) {
        // A refusal (4xx) comes before anything is written; after another failure the state is unknown.
        const status = (error as { statusCode?: number }).statusCode ?? 500
        if (status >= 500) report(identifier)
        throw error
      }
    }
  }
  setInterval(() => tell({ type: 'beat', seq, at: machineMs() }), BEAT_MS)
  return { seen: () => calls }
}

function closeAccountCreation(secret: string): void {
  const expected = Buffer.from(secret)
  const original = CreateAccountHandler.prototype.handle
  CreateAccountHandler.prototype.handle = async function (input) {
    const given = Buffer.from(
      String((input.json as Record<string, unknown> | undefined)?.[CREATION_SECRET] ?? ''),
    )
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new ForbiddenHttpError('Accounts are made by the vault.')
    }
    return original.call(this, input)
  }
}

/**
 * A WebID of these pods is for the account that its pod was made for. The pod server links others, too: for who can write into the
 * profile, and, for a moment, for whoever asks for a name that is taken, since it links first and looks then.
 */
function keepWebIds(baseUrl: string): void {
  interface Store {
    isLinked(webId: string, accountId: string): Promise<boolean>
    readonly storage: {
      find(type: 'pod', query: { baseUrl: string }): Promise<readonly { readonly accountId: string }[]>
    }
  }
  const prototype = BaseWebIdStore.prototype as unknown as Store
  const { isLinked } = prototype
  prototype.isLinked = async function (webId, accountId) {
    if (!(await isLinked.call(this, webId, accountId))) return false
    if (!webId.startsWith(baseUrl)) return true
    const [name = ''] = webId.slice(baseUrl.length).split('/')
    // The first who has it.
    const [pod] = await this.storage.find('pod', { baseUrl: `${baseUrl}${name}/` })
    return pod?.accountId === accountId
  }
}

async function start(settings: ChildStart): Promise<App> {
  process.umask(0o077)
  // It looks for who handles a request by who throws at it, a dozen errors each time, and nobody reads where they came from.
  Error.stackTraceLimit = 0
  // What `ps` shows: which pods these are, where there are several.
  process.title = `reach pods ${settings.baseUrl}`
  guardOutboundConnections({ allow: settings.outboundAllow })
  closeAccountCreation(settings.creationSecret)
  const { baseUrl, root, podBytes } = settings
  keepWebIds(baseUrl)
  limitPods({ baseUrl, root, bytes: podBytes, now: machineMs, onRefused: () => tell({ type: 'full' }) })
  const changes = reportChanges(baseUrl)
  const shipped = settings.accessRules === 'acp' ? 'file-acp.json' : 'file.json'
  const created = await createPodApp(
    [resolveAssetPath(`@css:config/${shipped}`), fileURLToPath(new URL('css-config.json', import.meta.url))],
    {
      baseUrl: settings.baseUrl,
      socket: settings.socket,
      rootFilePath: settings.root,
    },
  )
  await created.start()
  // Connecting takes the right to write: for this user alone, like the folder it is in.
  await chmod(settings.socket, 0o600)
  // The server notes its base URL in its own store at every start: if that was not seen, nothing would be.
  if (changes.seen() === 0)
    throw new Error('changes of the pods are not seen: another version of the pod server?')
  return created
}

let app: App | undefined

process.on('message', (message: ToChild) => {
  if (message.type === 'start') {
    start(message).then(
      (started) => {
        app = started
        tell({ type: 'ready' })
      },
      (error: unknown) => {
        tell({ type: 'failed', reason: error instanceof Error ? error.message : 'unknown' })
        process.exitCode = 1
        process.disconnect()
      },
    )
    return
  }
  // `app.stop` can hang on open connections. Writes are atomic, so leaving at the deadline breaks nothing.
  setTimeout(() => process.exit(0), STOP_MS)
  void Promise.resolve(app?.stop()).finally(() => process.exit(0))
})

// The parent decides when to stop; without it (killed, crashed) there is nothing left to serve.
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)

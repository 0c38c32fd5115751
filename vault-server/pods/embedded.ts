import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigError } from '#core/config.ts'
import { createFile } from '#core/ledger/key-files.ts'
import type { Logger } from '#core/logger.ts'
import type { PodFeed } from '#core/pods/pod.ts'
import type { Names } from '#core/records/names.ts'
import { startChild } from './child-process.ts'
import type { RunningChild } from './child-process.ts'
import { machineMs } from './child-protocol.ts'
import type { ChildStart } from './child-protocol.ts'
import type { PodServerDoor } from './door.ts'
import { createLocalFeed } from './feed.ts'
import { startPodFront } from './front.ts'
import { podsInMaking, sweepPodsInMaking } from './making.ts'
import { removePodFiles } from './pod-removal.ts'
import { openRetiredNames } from './retired-names.ts'

/** sun_path holds 108 bytes on Linux and 104 elsewhere, one of them for the end. */
const MAX_SOCKET_PATH = 103
const FIRST_BACKOFF_MS = 500
const LAST_BACKOFF_MS = 30_000
/** A child that ran this long had not failed to start. */
const SETTLED_MS = 60_000
const STARTS_BEFORE_GIVING_UP_READY = 3
const USUAL_POD_BYTES = 256 * 1024 * 1024

export type PodServerState = 'starting' | 'ready' | 'restarting' | 'stopped'

export interface EmbeddedPods extends AsyncDisposable {
  /** Ends in a slash; fixed at the first start. */
  readonly baseUrl: string
  readonly port: number
  /** Resolves at the first readiness; rejects when the pod server failed to start several times in a row. */
  readonly ready: Promise<void>
  readonly state: PodServerState
  readonly feed: PodFeed
  readonly door: PodServerDoor
  /** Where the pod of somebody with this e-mail address lies or would lie. */
  shardFor(email: string): EmbeddedPods
  /** Ends a pod of this server with its account, for good: nobody gets its name again. */
  removePod(podUrl: string): Promise<void>
}

/**
 * Starts the embedded pods: a public front at once, the Community Solid Server in a process of its own behind
 * it. Throws when the folder belongs to another base URL. The child is restarted when it dies and ends when
 * we do.
 */
export async function startEmbeddedPods(options: {
  /** Public base URL, on an origin of its own. */
  url: string
  folder: string
  vaultUrl: string
  names: Names
  log: Pick<Logger, 'info' | 'warn'>
  /** Where to listen; by default the URL's port on the loopback interface. */
  port?: number
  host?: string
  /** Exact origins that the pod server may call although they are private. */
  outboundAllow?: readonly string[]
  accessRules?: 'wac' | 'acp'
  /** What one pod may hold. */
  podBytes?: number
}): Promise<EmbeddedPods> {
  const { folder, vaultUrl, names, log, accessRules = 'wac', podBytes = USUAL_POD_BYTES } = options
  const url = new URL(options.url)
  if (url.pathname !== '/' || url.search || url.hash) {
    throw new Error(`the pods need an origin of their own: ${url.href} is not the root of one`)
  }
  const baseUrl = url.href
  const root = join(folder, 'root')
  await mkdir(root, { recursive: true, mode: 0o700 })
  await claimBaseUrl(join(folder, 'base-url'), baseUrl)
  const notes = join(folder, 'making')
  const making = podsInMaking(root, notes)
  const retired = await openRetiredNames(join(folder, 'retired'), names)

  await using opened = new AsyncDisposableStack()
  const socketFolder = await mkdtemp(join(tmpdir(), 'reach-pods-')).catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigError('TMPDIR', `cannot be used as the folder for temporary files (${cause.code})`)
  })
  opened.defer(() => rm(socketFolder, { recursive: true, force: true }))
  const socket = join(socketFolder, 's')
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH)
    throw new ConfigError('TMPDIR', 'is too long for a socket: set a folder with a shorter path')

  const creationSecret = randomBytes(32).toString('base64url')
  const settings: ChildStart = {
    type: 'start',
    baseUrl,
    socket,
    root,
    accessRules,
    podBytes,
    creationSecret,
    outboundAllow: [url.origin, new URL(vaultUrl).origin, ...(options.outboundAllow ?? [])],
  }
  const feed = createLocalFeed({ baseUrl, now: machineMs })
  const ready = Promise.withResolvers<void>()
  // A caller that looks at `ready` later must not find the process gone by then.
  ready.promise.catch(() => undefined)
  const stopping = new AbortController()
  let state: PodServerState = 'starting'
  let child: RunningChild | undefined

  /** Ends only when we stop. */
  async function keepRunning(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted;) {
      const startedAt = performance.now()
      const ms = () => Math.round(performance.now() - startedAt)
      await makeRoom(root, socket)
      await sweepPodsInMaking(root, notes)
      if (stopping.signal.aborted) return
      let failure: string | undefined
      child = startChild(settings, {
        onReport: feed.take,
        onFailure: (reason) => (failure = reason),
        onFull: () => log.info('pod-full'),
        onReady() {
          if (stopping.signal.aborted) return
          state = 'ready'
          log.info('pod-server-ready', { ms: ms() })
          ready.resolve()
        },
      })
      const reason = await child.ended
      feed.interrupt()
      if (stopping.signal.aborted) return
      state = 'restarting'
      failures = ms() > SETTLED_MS ? 1 : failures + 1
      const delay = Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1))
      log.warn('pod-server-ended', { attempt: failures, ms: delay, reason })
      if (failures >= STARTS_BEFORE_GIVING_UP_READY) {
        ready.reject(new Error('the pod server does not start', { cause: failure }))
      }
      await sleep(delay, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  // Ends after the front, so that replies under way can finish.
  let running = Promise.resolve()
  opened.defer(async () => {
    state = 'stopped'
    stopping.abort()
    ready.reject(new Error('the pod server was stopped'))
    await child?.stop()
    await running
  })
  const front = opened.use(
    await startPodFront({
      baseUrl: url,
      socket,
      isReady: () => state === 'ready',
      vaultUrl,
      port: options.port ?? Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
      host: options.host ?? 'localhost',
    }),
  )
  running = keepRunning()
  const resources = opened.move()
  const pods: EmbeddedPods = {
    baseUrl,
    port: front.port,
    ready: ready.promise,
    get state() {
      return state
    },
    feed,
    door: {
      baseUrl,
      socket,
      creationSecret,
      isRetired: retired.has,
      making,
    },
    async removePod(podUrl) {
      await retired.add(podUrl)
      await removePodFiles(root, podUrl)
      await making.end(podUrl)
    },
    shardFor: () => pods,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
  return pods
}

/**
 * The base URL is inside every WebID, access document and account: with another one they would all be wrong.
 */
async function claimBaseUrl(file: string, baseUrl: string): Promise<void> {
  if (await createFile(file, baseUrl)) return
  const first = URL.parse((await readFile(file, 'utf8')).trim())?.href
  if (first === baseUrl) return
  if (first === undefined)
    throw new ConfigError(
      'REACH_DATA',
      `has a damaged file: write into ${file} the address that the pods have always had, and nothing else`,
    )
  throw new ConfigError(
    'REACH_PODS_URL',
    `must stay ${first}: the pods in the data folder are named after it`,
  )
}

/** Sweeps what a killed process left: its socket, and halves of documents that were being written. */
async function makeRoom(root: string, socket: string): Promise<void> {
  const folder = join(root, '.internal', 'tempFiles')
  const names = await readdir(folder).catch(() => [])
  const leftovers = [socket, ...names.map((name) => join(folder, name))]
  // What cannot be swept is in nobody's way.
  await Promise.allSettled(leftovers.map((path) => rm(path, { force: true, recursive: true })))
}

import { DataFactory, Store } from 'n3'
import { createPodClient } from './client.ts'
import type { PodFetch } from './pod.ts'
import { iri } from '#core/domain/namespaces.ts'
import { parseTurtle } from './rdf.ts'

const { namedNode } = DataFactory
const MAX_SOCKETS = 256
const MAX_MESSAGE = 16 * 1024
/** After a failure, and for a server that offers no such channel: not asked again for this long. */
const REST_MS = 300_000
const DESCRIBED_BY = 'http://www.w3.org/ns/solid/terms#storageDescription'

/** Of a WebSocket, so that any of its implementations will do. */
export interface PodSocket {
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'close', listener: () => void): void
  close(): void
}

export interface PodNotifications extends Disposable {
  /**
   * Listens for changes of this resource from soon on, if its server lets us. Cheap to repeat; never fails.
   */
  watch(url: string): void
}

/**
 * Solid Notifications Protocol 0.2, WebSocketChannel2023, as far as it helps: a change is heard at once
 * instead of at the next poll. Never to be relied on: what was sent while a socket was down is lost, and
 * rewriting an access document sends nothing. `fetch` is the agent's; `connect` opens a guarded WebSocket;
 * `now` in Unix ms.
 */
export function createPodNotifications(options: {
  fetch: PodFetch
  connect: (url: string) => PodSocket
  onChange: (url: string) => void
  now: () => number
}): PodNotifications {
  const { fetch, connect, onChange, now } = options
  const client = createPodClient({ fetch, timeoutMs: 5000 })
  /** A Map keeps the order of insertion: the one watched longest goes when there are too many. */
  const watched = new Map<string, PodSocket | undefined>()
  const resting = new Map<string, number>()
  let stopped = false

  async function open(url: string): Promise<void> {
    const service = await findService(url)
    const subscribed = await fetch(service, {
      method: 'POST',
      redirect: 'manual',
      signal: AbortSignal.timeout(5000),
      headers: { 'content-type': 'application/ld+json', accept: 'application/ld+json' },
      body: JSON.stringify({
        '@context': ['https://www.w3.org/ns/solid/notification/v1'],
        type: iri('notify:WebSocketChannel2023'),
        topic: url,
      }),
    })
    const channel = (await subscribed.json()) as { receiveFrom?: unknown }
    if (!subscribed.ok || typeof channel.receiveFrom !== 'string') throw new Error('no channel')
    if (stopped || !watched.has(url)) return
    const socket = connect(channel.receiveFrom)
    watched.set(url, socket)
    socket.addEventListener('message', ({ data }) => {
      // What it says is not believed, only that something happened: the resource is asked.
      if (typeof data === 'string' && data.length <= MAX_MESSAGE) onChange(url)
    })
    socket.addEventListener('close', () => {
      if (watched.get(url) === socket) watched.delete(url)
      // Whatever happened since is unknown. And a server that closes at once is not run after.
      rest(url)
      if (!stopped) onChange(url)
    })
  }

  async function findService(url: string): Promise<string> {
    const description = (await client.head(url)).links.get(DESCRIBED_BY)
    if (description === undefined) throw new Error('no storage description')
    const store = new Store(parseTurtle((await client.get(description)).body, description))
    const channels = store.getSubjects(
      iri('notify:channelType'),
      namedNode(iri('notify:WebSocketChannel2023')),
      null,
    )
    const service = channels.find(({ termType }) => termType === 'NamedNode')?.value
    // A token of the agent goes to nobody but the pod's own server.
    if (service === undefined || new URL(service).origin !== new URL(url).origin)
      throw new Error('no channel')
    return service
  }

  function rest(url: string): void {
    if (resting.size > MAX_SOCKETS * 4) resting.clear()
    resting.set(url, now() + REST_MS)
  }

  function drop(url: string): void {
    const socket = watched.get(url)
    watched.delete(url)
    socket?.close()
  }

  return {
    watch(url) {
      if (stopped || watched.has(url) || (resting.get(url) ?? 0) > now()) return
      resting.delete(url)
      watched.set(url, undefined)
      const [oldest] = watched.keys()
      if (watched.size > MAX_SOCKETS && oldest !== undefined) drop(oldest)
      open(url).catch(() => {
        drop(url)
        rest(url)
      })
    },
    [Symbol.dispose]() {
      stopped = true
      for (const url of watched.keys()) drop(url)
    },
  }
}

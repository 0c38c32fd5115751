import { DataFactory, Store } from 'n3'
import { createPodClient } from './client.ts'
import type { PodFetch } from './pod.ts'
import { iri } from '#core/domain/namespaces.ts'
import { parseTurtle } from './rdf.ts'
import type { PodWebhooks } from './webhooks.ts'

const { namedNode } = DataFactory
const MAX_SOCKETS = 256
const MAX_WATCHED = 10_000
const MAX_MESSAGE = 16 * 1024
/** After a failure, and for a server that offers no such channel: not asked again for this long. */
const REST_MS = 300_000
/** A webhook is asked for anew after this long: a pod server forgets it some day, and never says so. */
const HOOK_MS = 24 * 3_600_000
const DESCRIBED_BY = 'http://www.w3.org/ns/solid/terms#storageDescription'

/** Of a WebSocket, so that any of its implementations will do. */
export interface PodSocket {
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'close', listener: () => void): void
  close(): void
}

export interface PodNotifications extends Disposable {
  /**
   * Listens for changes of this resource from soon on, if its server lets us, as who may read it. Cheap to repeat;
   * never fails.
   */
  watch(url: string, fetch: PodFetch): void
  /** Listens no longer: whoever it was for is gone. */
  unwatch(url: string): void
}

/** What ends a channel; `until` is when it has to be asked for anew, in Unix ms. */
interface Channel {
  readonly until: number
  close(): void
}

/** Of a resource that is listened to; without a channel while that is being opened. */
interface Watch {
  channel?: Channel
}

/**
 * Solid Notifications Protocol 0.2, as far as it helps: a change is heard at once instead of at the next poll, over
 * WebSocketChannel2023, or WebhookChannel2023 where there is no such channel or there are too many sockets. Never to be
 * relied on: what was sent while a channel was down is lost, and rewriting an access document sends nothing. `connect`
 * opens a guarded WebSocket; `now` in Unix ms.
 */
export function createPodNotifications(options: {
  connect: (url: string) => PodSocket
  webhooks?: PodWebhooks
  onChange: (url: string) => void
  now: () => number
}): PodNotifications {
  const { connect, webhooks, onChange, now } = options
  const watched = new Map<string, Watch>()
  const resting = new Map<string, number>()
  let sockets = 0
  let stopped = false

  async function open(url: string, fetch: PodFetch, watch: Watch): Promise<void> {
    const services = await findServices(url, fetch)
    const socket = sockets < MAX_SOCKETS ? services.get('WebSocketChannel2023') : undefined
    const hook = services.get('WebhookChannel2023')
    const channel =
      socket !== undefined
        ? await openSocket(url, socket, fetch, watch)
        : hook !== undefined && webhooks !== undefined
          ? await openWebhook(url, hook, fetch, webhooks)
          : undefined
    if (channel === undefined) throw new Error('no channel')
    if (stopped || watched.get(url) !== watch) channel.close()
    else watch.channel = channel
  }

  async function openSocket(url: string, service: string, fetch: PodFetch, watch: Watch): Promise<Channel> {
    const { receiveFrom } = await subscribe(service, fetch, { type: 'WebSocketChannel2023', topic: url })
    if (typeof receiveFrom !== 'string') throw new Error('no channel')
    const socket = connect(receiveFrom)
    sockets++
    socket.addEventListener('message', ({ data }) => {
      // What it says is not believed, only that something happened: the resource is asked.
      const isOurs = typeof data === 'string' && data.length <= MAX_MESSAGE
      if (isOurs && watched.get(url) === watch) onChange(url)
    })
    socket.addEventListener('close', () => {
      sockets--
      // We closed it.
      if (stopped || watched.get(url) !== watch) return
      watched.delete(url)
      // Whatever happened since is unknown. And a server that closes at once is not run after.
      rest(url)
      onChange(url)
    })
    return { until: Number.POSITIVE_INFINITY, close: () => socket.close() }
  }

  async function openWebhook(
    url: string,
    service: string,
    fetch: PodFetch,
    hooks: PodWebhooks,
  ): Promise<Channel> {
    const hook = hooks.open(url, () => onChange(url))
    if (hook === undefined) throw new Error('too many webhooks')
    try {
      const wanted = { type: 'WebhookChannel2023', topic: url, sendTo: hook.sendTo }
      const { sender } = await subscribe(service, fetch, wanted)
      if (typeof sender !== 'string') throw new Error('a caller who does not say who it is')
      hook.expect(sender)
    } catch (error) {
      hook.close()
      throw error
    }
    return { until: now() + HOOK_MS, close: () => hook.close() }
  }

  function rest(url: string): void {
    if (resting.size > MAX_SOCKETS * 4) resting.clear()
    resting.set(url, now() + REST_MS)
  }

  function drop(url: string): void {
    const watch = watched.get(url)
    watched.delete(url)
    watch?.channel?.close()
  }

  return {
    watch(url, fetch) {
      if (stopped || (resting.get(url) ?? 0) > now()) return
      const known = watched.get(url)
      if (known !== undefined) {
        if ((known.channel?.until ?? Number.POSITIVE_INFINITY) > now()) return
        drop(url)
      }
      if (watched.size >= MAX_WATCHED) return
      resting.delete(url)
      const watch: Watch = {}
      watched.set(url, watch)
      open(url, fetch, watch).catch(() => {
        if (watched.get(url) !== watch) return
        drop(url)
        rest(url)
      })
    },
    unwatch: drop,
    [Symbol.dispose]() {
      stopped = true
      for (const url of watched.keys()) drop(url)
    },
  }
}

/** The subscription services that the storage of a resource describes, by the name of their channel type. */
async function findServices(url: string, fetch: PodFetch): Promise<Map<string, string>> {
  const client = createPodClient({ fetch, timeoutMs: 5000 })
  const description = (await client.head(url)).links.get(DESCRIBED_BY)
  // Nobody else describes what lies here, and nobody else is asked in a customer's name.
  if (description === undefined || new URL(description).origin !== new URL(url).origin)
    throw new Error('no storage description')
  const store = new Store(parseTurtle((await client.get(description)).body, description))
  const services = new Map<string, string>()
  for (const type of ['WebSocketChannel2023', 'WebhookChannel2023']) {
    const found = store.getSubjects(iri('notify:channelType'), namedNode(iri(`notify:${type}`)), null)
    const service = found.find(({ termType }) => termType === 'NamedNode')?.value
    // A token of the agent goes to nobody but the pod's own server.
    if (service !== undefined && new URL(service).origin === new URL(url).origin) services.set(type, service)
  }
  return services
}

async function subscribe(
  service: string,
  fetch: PodFetch,
  { type, ...wanted }: { type: string; topic: string; sendTo?: string },
): Promise<{ receiveFrom?: unknown; sender?: unknown }> {
  const reply = await fetch(service, {
    method: 'POST',
    redirect: 'manual',
    signal: AbortSignal.timeout(5000),
    headers: { 'content-type': 'application/ld+json', accept: 'application/ld+json' },
    body: JSON.stringify({
      '@context': ['https://www.w3.org/ns/solid/notification/v1'],
      type: iri(`notify:${type}`),
      ...wanted,
    }),
  })
  if (!reply.ok) throw new Error('no channel')
  return (await reply.json()) as { receiveFrom?: unknown; sender?: unknown }
}

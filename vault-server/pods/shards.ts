import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { PodFeed } from '#core/pods/pod.ts'
import { startEmbeddedPods } from './embedded.ts'
import type { EmbeddedPods } from './embedded.ts'

/** Several embedded pod servers: each customer's pod lies at one of them for ever, since its address is in every name. */
export interface PodShards extends EmbeddedPods {
  readonly shards: readonly EmbeddedPods[]
}

/** Where the pods of a further server lie; `folder` is the first's. */
export function shardFolder(folder: string, url: string): string {
  return join(`${folder}-shards`, new URL(url).host.replaceAll(/[^a-z0-9.-]/gi, '_'))
}

/**
 * Starts them all side by side, each with an origin, a process and a folder of its own. `url` and `folder` are the first's;
 * the folders of the others are named after their addresses, so that they may be listed in any order. One that does not
 * start holds up nobody else's customers.
 */
export async function startPodShards(
  options: Parameters<typeof startEmbeddedPods>[0] & {
    readonly more: readonly { readonly url: string; readonly port: number }[]
  },
): Promise<PodShards> {
  const { more, folder, outboundAllow = [], ...common } = options
  const origins = [common.url, ...more.map(({ url }) => url)].map((url) => new URL(url).origin)
  // Customers of one may share something with customers of another.
  const allow = [...new Set([...outboundAllow, ...origins])]
  await using opened = new AsyncDisposableStack()
  const shards = [opened.use(await startEmbeddedPods({ ...common, folder, outboundAllow: allow }))]
  for (const { url, port } of more) {
    const place = { url, port, folder: shardFolder(folder, url) }
    shards.push(opened.use(await startEmbeddedPods({ ...common, ...place, outboundAllow: allow })))
  }
  const [first] = shards
  if (first === undefined) throw new Error('no pod server')
  const ready = Promise.all(shards.map((shard) => shard.ready)).then(() => undefined)
  ready.catch(() => undefined)
  const resources = opened.move()
  return {
    ...first,
    shards,
    ready,
    get state() {
      return (shards.find(({ state }) => state !== 'ready') ?? first).state
    },
    feed: feedOf(shards),
    shardFor: (email) => shardFor(shards, email),
    removePod: (webId) => shardOf(shards, webId).removePod(webId),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/**
 * By the e-mail address (rendezvous hashing): the same address always comes to the same pod server, which therefore knows
 * whether it is taken; and a further server takes its share of new customers and of nobody else.
 */
function shardFor(shards: readonly EmbeddedPods[], email: string): EmbeddedPods {
  const weight = ({ baseUrl }: EmbeddedPods) =>
    createHash('sha256').update(`${baseUrl}\n${email.trim().toLowerCase()}`).digest('hex')
  const [best] = shards.toSorted((one, other) => (weight(one) < weight(other) ? 1 : -1))
  if (best === undefined) throw new Error('no pod server')
  return best
}

function shardOf(shards: readonly EmbeddedPods[], url: string): EmbeddedPods {
  const found = shards.find(({ baseUrl }) => url.startsWith(baseUrl))
  if (found === undefined) throw new Error('at none of the embedded pod servers')
  return found
}

/** Each is heard for itself: one that falls silent makes nothing unknown of the others. */
function feedOf(shards: readonly EmbeddedPods[]): PodFeed {
  const of = (url: string) => shards.find(({ feed }) => feed.covers(url))?.feed
  return {
    covers: (url) => of(url) !== undefined,
    stretch: (url) => of(url)?.stretch(url),
    subscribe(listener) {
      const stops = shards.map(({ feed }) => feed.subscribe(listener))
      return () => {
        for (const stop of stops) stop()
      }
    },
  }
}

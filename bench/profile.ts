import { Session } from 'node:inspector/promises'
import type { Profiler } from 'node:inspector'

/** Share of the main thread's time, idle left out, by where it went. */
export type Profile = readonly { readonly where: string; readonly share: number }[]

/** Samples this process until asked for the result. Sampling itself costs a few percent. */
export async function startProfile(): Promise<() => Promise<Profile>> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 250 })
  await session.post('Profiler.start')
  return async () => {
    const { profile } = await session.post('Profiler.stop')
    session.disconnect()
    return summaryOf(profile)
  }
}

type Node = Profiler.ProfileNode

function summaryOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Profile {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])))
  const times = new Map<string, number>()
  for (const [i, id] of samples.entries()) {
    const where = placeOf(id, byId, parents)
    if (where !== undefined) times.set(where, (times.get(where) ?? 0) + (timeDeltas[i] ?? 0))
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0)
  return [...times]
    .map(([where, time]) => ({ where, share: time / total }))
    .toSorted((a, b) => b.share - a.share)
}

/** The nearest caller that has a place of its own; built-in functions count for who called them, sampling for nobody. */
function placeOf(id: number, byId: Map<number, Node>, parents: Map<number, number>): string | undefined {
  for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
    const frame = byId.get(at)?.callFrame
    if (frame === undefined || frame.functionName === '(idle)') return undefined
    if (frame.url.startsWith('node:inspector')) return undefined
    if (frame.functionName === '(garbage collector)') return 'garbage collector'
    const place = places.find(([pattern]) => pattern.test(frame.url))
    if (place !== undefined) return place[1]
  }
  return 'system calls and the engine itself'
}

const places: readonly (readonly [RegExp, string])[] = [
  [/tokens\/signature\.ts/, 'signature check (ES256)'],
  [/vendor-gateway\/tokens\//, 'token and proof besides the signature'],
  [/vendor-gateway\/vendor\/|core\/domain|core\/records/, 'release: grants, fields, rows'],
  [/core\/pods/, 'pod cache'],
  [
    /core\/ledger\/(?:leaf|merkle|tiles|checkpoint|sealing)|core\/ledger\/group-former/,
    'entries, tree, sealing',
  ],
  [/core\/ledger|level|lru-cache/, 'ledger: rows, queue, database calls'],
  [/vendor-gateway\/|core\/http/, 'gateway: HTTP of ours'],
  [
    /node_modules\/|^node:(?!internal\/crypto|crypto|buffer|internal\/buffer)/,
    'Express, Node HTTP, streams, timers',
  ],
]

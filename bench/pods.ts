import { createPodCache } from '#core/pods/cache.ts'
import type { PodCache } from '#core/pods/cache.ts'
import type { PodFeed } from '#core/pods/pod.ts'
import { openForeignPods } from '../test/foreign-pods.ts'
import type { Person } from '../test/foreign-pods.ts'

export interface BenchPods extends AsyncDisposable {
  readonly people: readonly Person[]
  readonly cache: PodCache
}

/** Heard without a break, with nothing to report: the benchmark is of reads that need no pod. */
const quietFeed: PodFeed = { covers: () => true, stretch: () => 1, subscribe: () => () => undefined }

/** Filled pods behind the real cache. */
export async function openPods(count: number): Promise<BenchPods> {
  await using stack = new AsyncDisposableStack()
  const pods = stack.use(await openForeignPods())
  const people = Array.from({ length: count }, (_, n) => pods.person(n))
  for (const [n, person] of people.entries())
    for (const [category, values] of Object.entries(categoriesOf(n))) pods.fill(person, category, values)
  const cache = stack.use(
    createPodCache({ fetch, now: Date.now, onAccessLost: () => undefined, feed: quietFeed }),
  )
  const open = stack.move()
  return { people, cache, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

/** What the n-th person's pod holds. */
export function categoriesOf(n: number): Record<string, Record<string, unknown>> {
  return {
    profile: { name: `Ada Example ${n}`, birthDate: '1990-02-03' },
    contact: {
      email: `ada-${n}@example.org`,
      phone: `+49 30 ${100_000 + n}`,
      address: { street: 'Lindenweg 7', locality: 'Berlin', postalCode: '10115', country: 'DE' },
    },
    interests: { topics: ['hiking', 'jazz'] },
  }
}

/** The same by field id, with the derived fields that the benchmark asks for: the truth that replies are held to. */
export function valuesOf(n: number): Record<string, unknown> {
  const stored = Object.entries(categoriesOf(n)).flatMap(([category, values]) =>
    Object.entries(values).map(([name, value]) => [`${category}.${name}`, value]),
  )
  return { ...Object.fromEntries(stored), 'contact.country': 'DE' }
}

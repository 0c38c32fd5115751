import { afterEach, expect, test, vi } from 'vitest'
import { createPodCache } from '#core/pods/cache.ts'
import { openForeignPods } from '../foreign-pods.ts'

afterEach(() => void vi.useRealTimers())

test('values that nothing has confirmed for five minutes are let go, whoever else was told that their customer left', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  await using pods = await openForeignPods()
  const person = pods.person(1)
  pods.fill(person, 'profile', { name: 'Ada' })
  const clock = { now: 1_800_000_000_000 }
  /** Whether the pod was asked for what has changed since, which only who still knows what it was can do. */
  const known: boolean[] = []
  using cache = createPodCache({
    fetch: (url, init) => {
      if (url.endsWith('.ttl')) known.push(new Headers(init?.headers).has('if-none-match'))
      return fetch(url, init)
    },
    now: () => clock.now,
    onAccessLost: () => undefined,
  })
  const account = { accountId: 'ada', webId: person.webId, container: person.container }
  const read = async (): Promise<string | undefined> =>
    (await cache.read(account, ['profile.name'])).fragments.get('profile.name')
  expect(await read()).toBe('"Ada"')
  clock.now += 290_000
  await vi.advanceTimersByTimeAsync(30_000)
  expect(await read()).toBe('"Ada"')
  clock.now += 301_000
  await vi.advanceTimersByTimeAsync(30_000)
  expect(await read()).toBe('"Ada"')
  expect(known).toEqual([false, true, false])
})

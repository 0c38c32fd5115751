/** What open pages are told while they are open, over the real server: who is told, what, how much, and when it ends. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { matches } from '#core/http/validate.ts'
import { Story, expectOk, sampleValues } from '../story.ts'
import type { Customer, Relation } from '../story.ts'

interface Told {
  readonly id: string
  readonly event: string
  readonly data: unknown
  readonly text: string
}

let story: Story
let ada: Customer
let relation: Relation
const values = sampleValues()

beforeAll(async () => {
  story = await Story.open({ tour: true })
  ada = await story.customer(values)
  relation = await story.allow(ada, await story.shop())
})

afterAll(() => story?.[Symbol.asyncDispose]())

/** One page's stream, event by event; its comments are passed over. */
async function open(
  { browser }: Pick<Customer, 'browser'>,
  query = '',
  headers: Record<string, string> = {},
  mount = '',
) {
  const leaving = new AbortController()
  const response = await browser.jar.go(`${story.world.config.vaultUrl}${mount}/api/events${query}`, {
    headers,
    signal: leaving.signal,
  })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  return {
    status: response.status,
    headers: response.headers,
    leave: () => leaving.abort(),
    /** `undefined`: the server ended it in good order. */
    async next(): Promise<Told | undefined> {
      for (;;) {
        const end = rest.indexOf('\n\n')
        if (end >= 0) {
          const text = rest.slice(0, end)
          rest = rest.slice(end + 2)
          const member = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? ''
          if (member('event') === '') continue
          return { id: member('id'), event: member('event'), data: JSON.parse(member('data')), text }
        }
        const { value, done } = (await reader?.read()) ?? { done: true, value: undefined }
        if (done) return undefined
        rest += value
      }
    },
  }
}

test('a page is told of a read by its kind and its permission, and of no value', async () => {
  const page = await open(ada)
  expect(page.status).toBe(200)
  expect(page.headers.get('content-type')).toBe('text/event-stream')
  expect(page.headers.get('cache-control')).toBe('no-store')
  expect(await page.next()).toMatchObject({ event: 'begun' })
  expect((await story.read(relation)).status).toBe(200)
  const told = await page.next()
  expect(told).toMatchObject({
    event: 'changed',
    data: { kinds: ['disclosed'], grants: [relation.grantId] },
  })
  expect(matches('api/live-change.json', told?.data)).toBe(true)
  for (const secret of [...story.secrets, relation.subject, 'profile.name'])
    expect(told?.text).not.toContain(secret)
  page.leave()

  // A page that comes back is told what it missed, once.
  await story.act(ada, relation, 'pause')
  await story.act(ada, relation, 'resume')
  for (const back of [
    await open(ada, `?since=${told?.id}`),
    await open(ada, '', { 'last-event-id': String(told?.id) }),
  ]) {
    expect(await back.next()).toMatchObject({ event: 'begun', id: told?.id })
    expect(await back.next()).toMatchObject({ event: 'changed', data: { kinds: ['resumed', 'paused'] } })
    back.leave()
  }
})

test('nobody is told of somebody else, and who is signed out is told nothing', async () => {
  expect((await open({ browser: story.browser() })).status).toBe(401)
  for (const query of ['?since=a', '?since=1&since=2', '?other=1', '?since=9999999999999999'])
    expect((await open(ada, query)).status, query).toBe(400)
  const eve = await story.customer()
  const hers = await open(eve)
  const own = await open(ada)
  expect(await hers.next()).toMatchObject({ event: 'begun' })
  expect(await own.next()).toMatchObject({ event: 'begun' })
  expect((await story.read(relation)).status).toBe(200)
  expect(await own.next()).toMatchObject({ data: { kinds: ['disclosed'] } })
  // The next thing that happens to Eve is the first she is told of.
  const theirs = await story.allow(eve, relation.shop)
  const told = await hers.next()
  expect(told?.text).not.toContain(relation.grantId)
  expect(told?.data).not.toMatchObject({ kinds: ['disclosed'] })
  expect(theirs.grantId).not.toBe(relation.grantId)
  own.leave()
  hers.leave()
})

test('one session has so many streams and no more; they end with it', async () => {
  const person = await story.customer()
  const all = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => open(person)))
  expect(all.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 200, 429, 429, 429, 429])
  const pages = all.filter(({ status }) => status === 200)
  expect((await open(person)).status).toBe(429)
  pages[0]?.leave()
  await expect.poll(async () => (await open(person)).status).toBe(200)
  await person.browser.post('/api/sign-out')
  for (const page of pages.slice(1)) {
    let told: Told | undefined
    do told = await page.next()
    while (told !== undefined && told.event !== 'signed-out')
    expect(told?.event).toBe('signed-out')
    expect(await page.next()).toBeUndefined()
  }
})

test('a page that was told of more than there is hears of the next all the same', async () => {
  const page = await open(ada, '?since=999999999999999')
  expect(Number((await page.next())?.id)).toBeLessThan(999_999_999)
  expect((await story.read(relation)).status).toBe(200)
  expect(await page.next()).toMatchObject({ event: 'changed', data: { kinds: ['disclosed'] } })
  page.leave()
})

test('a server that stops ends its streams in good order, also those of the tour', async () => {
  const visitor = { browser: story.browser() }
  expectOk(await visitor.browser.post('/api/tour'))
  const pages = [await open(ada), await open(visitor, '', {}, '/tour')]
  for (const page of pages) expect(await page.next()).toMatchObject({ event: 'begun' })
  await story.world.restart()
  for (const page of pages) expect(await page.next()).toBeUndefined()
})

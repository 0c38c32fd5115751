/** What a business may ask in a minute, what may wait for a customer, and what may be guessed. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ask, outcome, postRegistration } from '../business.ts'
import { openPage, postOpen, startOAuthVault, startTwoShops } from '../oauth-vault.ts'
import type { Customer, OAuthVault, Registered } from '../oauth-vault.ts'
import { listOf, polling } from '../without-browser.ts'

let vault: OAuthVault
let shop: Registered
let rival: Registered
let alma: Customer

beforeAll(async () => {
  ;({ vault, shop, rival } = await startTwoShops(polling))
})

beforeEach(async () => {
  alma = await vault.customer()
})

afterAll(async () => {
  await vault[Symbol.asyncDispose]()
})

test('of one business twenty requests can wait for a customer', async () => {
  const pages = []
  for (let count = 0; count < 21; count++)
    pages.push(await postOpen(await openPage(vault, alma, (await ask(rival)).url), alma))
  expect(pages.map(({ status }) => status)).toEqual([...Array<number>(20).fill(200), 429])
  expect(await listOf(vault, alma)).toHaveLength(20)
})

test('registrations from one address are limited', async () => {
  await using own = await startOAuthVault()
  const statuses = []
  for (let round = 0; round < 13; round++)
    statuses.push(
      ...(await Promise.all(Array.from({ length: 10 }, () => postRegistration(own.issuer, 'guess', {})))),
    )
  expect(statuses.map(({ status }) => status).filter((status) => status === 401)).toHaveLength(120)
  const late = statuses.find(({ status }) => status === 429)
  expect(Number(late?.headers.get('retry-after'))).toBeGreaterThan(0)
})

test('requests are limited per business, and told when to come again', async () => {
  const eager = await vault.business({ redirectUri: 'https://eager.example/callback' })
  // All but five of the 300 of a minute are used up without the work of asking.
  for (let count = 0; count < 295; count++) await vault.limits.asked(eager.clientId)
  const statuses = await Promise.all(Array.from({ length: 10 }, () => outcome(ask(eager))))
  expect(statuses.toSorted()).toEqual([
    ...Array<string>(5).fill('429 temporarily_unavailable'),
    ...Array<string>(5).fill('accepted'),
  ])
  expect(await outcome(ask(shop))).toBe('accepted')
})

import { expect, test } from 'vitest'
import type { Categories } from '#schemas/types.gen.ts'
import { expectOk, Story } from '../story.ts'

test('the house notices a change in a pod by itself, also one after the preview alone was read', async () => {
  await using story = await Story.open()
  const customer = await story.customer()
  const { grantId } = await story.allow(customer, await story.shop())
  const { ledger } = story.world.reach
  const { categories } = expectOk(await customer.browser.get('/api/categories')).body as Categories
  const { etag } = categories.find(({ category }) => category === 'profile') ?? {}
  const values = { name: 'Somebody Else', birthDate: '1987-11-23' }
  expectOk(await customer.browser.put('/api/categories/profile', { etag, values }))
  await expect
    .poll(() => ledger.list(`data-change/`), { timeout: 30_000 })
    .toMatchObject([{ value: { grantId, fields: ['profile.name'] } }])
})

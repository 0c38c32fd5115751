import { expect, test } from 'vitest'
import { expectOk } from '../story.ts'
import type { Categories, GrantView } from '../../schemas/types.gen.ts'
import { allowAll, connectPod } from '../consent.ts'
import { sharedPods } from '../pod-server.ts'
import { startTestVault } from '../vault.ts'

test('the house notices a change in a pod by itself, also one after the preview alone was read; deletion is asked once', async () => {
  await using vault = await startTestVault(await sharedPods())
  const { browser } = await vault.customer()
  await connectPod(browser)
  const { grantId } = await allowAll(vault, browser, await vault.business())
  const { categories } = expectOk(await browser.get('/api/categories')).body as Categories
  const { etag } = categories.find(({ category }) => category === 'profile') ?? {}
  const next = { etag, values: { name: 'Alma Berg' } }
  expectOk(await browser.put('/api/categories/profile', next))
  await expect
    .poll(() => vault.ledger.list('data-change/'))
    .toMatchObject([{ value: { grantId, fields: ['profile.name'] } }])

  const withdraw = async (body: object) =>
    expectOk(await browser.post(`/api/grants/${grantId}/withdraw`, body)).body as GrantView
  expect((await withdraw({})).acknowledgement).toMatchObject({ kind: 'withdrawal', late: false })
  const asked = (await withdraw({ askDeletion: true })).acknowledgement
  expect(asked).toMatchObject({ kind: 'deletion', late: false })
  const size = () => vault.ledger.log.checkpoint()
  const before = size()
  expect((await withdraw({ askDeletion: true })).acknowledgement).toEqual(asked)
  expect((await withdraw({})).acknowledgement).toEqual(asked)
  expect(size()).toBe(before)
  expect(await browser.post(`/api/grants/${grantId}/withdraw`, { askDeletion: 'yes' })).toMatchObject({
    status: 400,
  })
  expect(await browser.post(`/api/grants/${grantId}/pause`, { askDeletion: true })).toMatchObject({
    status: 400,
  })
})

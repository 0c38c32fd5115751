import { beforeAll, expect, test } from 'vitest'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { startTestVault } from '../vault.ts'

let pods: TestPods

beforeAll(async () => {
  pods = await sharedPods()
})

test('a new vault is a pod of its own with a signed-in browser, and nobody else is signed in', async () => {
  await using vault = await startTestVault(pods)
  const { browser, me } = await vault.customer()
  expect(me).toMatchObject({ signedIn: true, podAccess: 'none', podsReady: true, issuer: pods.server.baseUrl })
  expect((await browser.get('/api/me')).body).toEqual(me)
  expect((await vault.browser().get('/api/me')).body).toMatchObject({ signedIn: false })
  await vault.restart()
  expect((await browser.get('/api/me')).body).toEqual(me)
})

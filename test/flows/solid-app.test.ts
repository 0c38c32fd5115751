/** Somebody else's Solid app (examples/diet-app.ts) and Reach on one real pod: each sees and keeps what the other wrote. */
import { expect, test } from 'vitest'
import type { Categories, SavedCategory } from '../../schemas/types.gen.ts'
import { openDietApp } from '../../examples/diet-app.ts'
import { signInAtEmbeddedPods } from '../../vault-server/pods/scripted-sign-in.ts'
import { sharedPods } from '../pod-server.ts'
import { signInAtPod, startTestVault } from '../vault.ts'

test('the kitchen card changes the diet in the pod; Reach sees it, changes it, and keeps what is not its own', async () => {
  const pods = await sharedPods()
  await using vault = await startTestVault(pods)
  await using app = await openDietApp(0)
  const alice = await pods.customer()

  let cookie = ''
  const call = async (path: string, form?: [string, string][]) => {
    const response = await fetch(new URL(path, app.url), {
      method: form === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      headers: { cookie, ...(form === undefined ? {} : { origin: app.url }) },
      ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
    })
    cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie
    return {
      status: response.status,
      location: response.headers.get('location') ?? '',
      text: await response.text(),
    }
  }
  expect((await call('/')).text).toContain('Sign in')
  const begun = await call('/sign-in', [['issuer', pods.server.baseUrl]])
  expect(begun.status).toBe(303)
  await call(await signInAtEmbeddedPods(pods.server.door, begun.location, alice))
  expect((await call('/')).text).toContain(`${alice.container}diet.ttl`)

  // There is no diet in the pod yet: the app begins the document.
  const saved = await call('/diet', [
    ['diet', 'VeganDiet'],
    ['allergies', 'walnuts, celery'],
    ['dish', 'Ratatouille'],
  ])
  expect(saved.status).toBe(303)

  const browser = vault.browser()
  const query = await signInAtPod(pods, browser, alice, { issuer: pods.server.baseUrl })
  await browser.post('/api/sign-in/complete', { query })
  const diet = async () => {
    const { body } = await browser.get('/api/categories')
    return (body as Categories).categories.find(({ category }) => category === 'diet')
  }
  const seen = await diet()
  expect(seen?.values).toEqual({ diet: ['VeganDiet'], allergies: ['celery', 'walnuts'] })

  // Reach changes it, and knows nothing of favourite dishes.
  const values = { diet: ['LowSaltDiet', 'VeganDiet'], allergies: ['celery'] }
  const kept = await browser.put('/api/categories/diet', { etag: seen?.etag, values })
  expect(kept).toMatchObject({ status: 200, body: { values } })
  const page = (await call('/')).text
  expect(page).toContain('value="Ratatouille"')
  expect(page).toContain('value="celery"')
  expect(page).toMatch(/value="VeganDiet" checked/)

  // The app has no box for a diet low in salt, and leaves it there.
  await call('/diet', [
    ['diet', 'HalalDiet'],
    ['allergies', 'celery'],
  ])
  expect((await diet())?.values).toEqual({ diet: ['HalalDiet', 'LowSaltDiet'], allergies: ['celery'] })
  // A form filled from what stood there before is told so.
  const { etag } = kept.body as SavedCategory
  expect(await browser.put('/api/categories/diet', { etag, values: {} })).toMatchObject({
    status: 409,
    body: { code: 'pod-changed' },
  })
  // Nobody else's page makes the app write.
  expect((await fetch(new URL('/diet', app.url), { method: 'POST', headers: { cookie } })).url).toBe(
    `${app.url}/diet`,
  )
  expect((await diet())?.values).toEqual({ diet: ['HalalDiet', 'LowSaltDiet'], allergies: ['celery'] })
})

import { Session } from '@inrupt/solid-client-authn-node'
import { beforeAll, expect, test } from 'vitest'
import { leanExpress, listen } from '../../core/http/server.ts'
import { signInAtEmbeddedPods } from '../../vault-server/pods/scripted-sign-in.ts'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'

let pods: TestPods

beforeAll(async () => {
  pods = await sharedPods()
}, 90_000)

/** A Solid app with a Client ID Document, as the vault has one. */
async function startApp() {
  const port = await pods.vaultPort()
  const url = `http://localhost:${port}`
  const app = leanExpress()
  app.get('/client.jsonld', (_req, res) => {
    res.type('application/ld+json').send(
      JSON.stringify({
        '@context': ['https://www.w3.org/ns/solid/oidc-context.jsonld'],
        client_id: `${url}/client.jsonld`,
        client_name: 'Reach',
        redirect_uris: [`${url}/callback`],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        scope: 'openid offline_access webid',
        token_endpoint_auth_method: 'none',
      }),
    )
  })
  const listening = await listen({ app, host: 'localhost', port, drainMs: 100 })
  const session = new Session({ keepAlive: false })
  const authorizationUrl = async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    await session.login({
      oidcIssuer: pods.server.baseUrl,
      clientId: `${url}/client.jsonld`,
      redirectUrl: `${url}/callback`,
      handleRedirect: resolve,
    })
    return promise
  }
  return { url, session, authorizationUrl, [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose]() }
}

test('who just made her vault is signed in without typing twice', async () => {
  await using app = await startApp()
  const customer = await pods.customer()
  const back = await signInAtEmbeddedPods(pods.server.door, await app.authorizationUrl(), customer)
  expect(back.startsWith(`${app.url}/callback?`)).toBe(true)
  const info = await app.session.handleIncomingRedirect(back)
  expect(info).toMatchObject({ isLoggedIn: true, webId: customer.webId })
  expect((await app.session.fetch(customer.podUrl)).status).toBe(200)
})

test('with a wrong password, or somebody else’s WebID, nobody is signed in', async () => {
  await using app = await startApp()
  const [customer, other] = [await pods.customer(), await pods.customer()]
  const wrong = { ...customer, password: 'not the password' }
  await expect(
    signInAtEmbeddedPods(pods.server.door, await app.authorizationUrl(), wrong),
  ).rejects.toMatchObject({ code: 'sign-in-failed' })
  const foreign = { ...customer, webId: other.webId }
  await expect(
    signInAtEmbeddedPods(pods.server.door, await app.authorizationUrl(), foreign),
  ).rejects.toMatchObject({ code: 'sign-in-failed' })
})

test('goes nowhere but to the embedded pods', async () => {
  const customer = await pods.customer()
  await expect(
    signInAtEmbeddedPods(pods.server.door, 'http://localhost:9/.oidc/auth', customer),
  ).rejects.toMatchObject({ code: 'sign-in-failed' })
})

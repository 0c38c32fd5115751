import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Session } from '@inrupt/solid-client-authn-node'
import { createRemoteJWKSet } from 'jose'
import { expect, test } from 'vitest'
import { createOutbound } from '../../core/http/outbound.ts'
import { OutboundRefused } from '../../core/http/public-address.ts'
import { guardOidc } from '../../vault-server/customer/guarded-oidc.ts'

test('the library itself connects to no private address but an allowed one, and only within the guard', async () => {
  const reached: string[] = []
  const internal = createServer((socket) => {
    reached.push('connection')
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(internal, 'listening')
  const { port } = internal.address() as AddressInfo
  const ask = (oidcIssuer: string) =>
    new Session({ keepAlive: false }).login({
      oidcIssuer,
      clientId: 'https://vault.example/client.jsonld',
      redirectUrl: 'https://vault.example/signed-in',
      handleRedirect: () => undefined,
    })
  await using outbound = createOutbound({ allow: [] })
  const { run, check } = guardOidc({ allow: [], fetch: outbound.fetch })
  for (const address of [
    `http://127.0.0.1:${port}/`,
    `https://127.0.0.1:${port}/`,
    `https://localhost:${port}/`,
  ]) {
    await expect(run(() => ask(address))).rejects.toThrow()
    await expect(check(address)).rejects.toThrow()
  }
  expect(reached).toEqual([])
  const allowed = guardOidc({ allow: [`http://127.0.0.1:${port}`], fetch: outbound.fetch })
  await expect(allowed.run(() => ask(`http://127.0.0.1:${port}/`))).rejects.toThrow()
  expect(reached).toEqual(['connection'])
  internal.close()
})

test('an issuer’s keys come through the guarded fetch: a name may mean another address by the time it is asked', async () => {
  let asked = 0
  const internal = createServer(() => asked++).listen(0, '127.0.0.1')
  await once(internal, 'listening')
  const { port } = internal.address() as AddressInfo
  await using outbound = createOutbound({ allow: [] })
  const { run } = guardOidc({ allow: [], fetch: outbound.fetch })
  const keys = createRemoteJWKSet(new URL(`https://localhost:${port}/jwks`), { timeoutDuration: 2_000 })
  const refused = await run(() => keys({ alg: 'ES256', kid: 'x' })).catch((error: unknown) => error)
  expect(refused).toMatchObject({ cause: expect.any(OutboundRefused) })
  expect(asked).toBe(0)
  // Nobody else's fetch is touched.
  await expect(fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(300) })).rejects.toThrow()
  expect(asked).toBe(1)
  internal.close()
})

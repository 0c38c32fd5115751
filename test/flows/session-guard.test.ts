import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Session } from '@inrupt/solid-client-authn-node'
import { expect, test } from 'vitest'
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
  const { run, check } = guardOidc({ allow: [] })
  for (const address of [
    `http://127.0.0.1:${port}/`,
    `https://127.0.0.1:${port}/`,
    `https://localhost:${port}/`,
  ]) {
    await expect(run(() => ask(address))).rejects.toThrow()
    await expect(check(address)).rejects.toThrow()
  }
  expect(reached).toEqual([])
  const allowed = guardOidc({ allow: [`http://127.0.0.1:${port}`] })
  await expect(allowed.run(() => ask(`http://127.0.0.1:${port}/`))).rejects.toThrow()
  expect(reached).toEqual(['connection'])
  internal.close()
})

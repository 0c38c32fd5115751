import { importJWK, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { PushedBrowser } from '../pushed-browser.ts'
import { newSigningKey } from '../../vault-server/oauth/oauth-keys.ts'
import { createPush, encryptPush, publicPoint } from '../../vault-server/mail/web-push.ts'

test('a message is encrypted as in RFC 8291, appendix A', () => {
  const sealed = encryptPush(
    'When I grow up, I want to be a watermelon',
    {
      p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
      auth: 'BTBZMqHH6r4Tts7J_aSIgg',
    },
    {
      salt: Buffer.from('DGv6ra1nlYgDCS1FRnbzlw', 'base64url'),
      privateKey: Buffer.from('yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw', 'base64url'),
    },
  )
  expect(sealed.toString('base64url')).toBe(
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
  )
})

test('the push service learns the vault, the lifetime and nothing else; who has left is told as gone', async () => {
  const key = await newSigningKey()
  const browser = new PushedBrowser()
  const { p256dh, auth } = browser
  const endpoint = 'https://push.example/for/somebody'
  const asked: Request[] = []
  let status = 201
  const now = () => Date.now()
  const send = createPush({
    key,
    vaultUrl: 'https://vault.example',
    now,
    fetch: async (url, init) => {
      asked.push(new Request(url, init))
      return new Response(null, { status })
    },
  })
  expect(await send({ endpoint, p256dh, auth }, 'Hello')).toBe('sent')
  const [request] = asked
  expect(request?.headers.get('content-encoding')).toBe('aes128gcm')
  expect(Number(request?.headers.get('ttl'))).toBeGreaterThan(0)
  const [, token = '', point = ''] =
    /^vapid t=(\S+), k=(\S+)$/.exec(request?.headers.get('authorization') ?? '') ?? []
  expect(point).toBe(publicPoint(key))
  const { kty, crv, x, y } = key
  const { payload } = await jwtVerify(token, await importJWK({ kty, crv, x, y } as never, 'ES256'), {
    audience: 'https://push.example',
  })
  expect(payload.sub).toBe('https://vault.example')
  expect(Number(payload.exp) * 1000 - now()).toBeLessThanOrEqual(24 * 3_600_000)
  expect(browser.open(Buffer.from(await (request as Request).arrayBuffer()))).toBe('Hello')
  for (status of [404, 410]) expect(await send({ endpoint, p256dh, auth }, 'Hello')).toBe('gone')
  status = 500
  await expect(send({ endpoint, p256dh, auth }, 'Hello')).rejects.toThrow('500')
  const forged = Buffer.alloc(65, 7).toString('base64url')
  await expect(send({ endpoint, p256dh: forged, auth }, 'Hello')).rejects.toThrow()
})

import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto'
import { importJWK, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
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
  const browser = createECDH('prime256v1')
  const p256dh = browser.generateKeys().toString('base64url')
  const auth = randomBytes(16).toString('base64url')
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
  expect(open(Buffer.from(await (request as Request).arrayBuffer()), browser, auth)).toBe('Hello')
  for (status of [404, 410]) expect(await send({ endpoint, p256dh, auth }, 'Hello')).toBe('gone')
  status = 500
  await expect(send({ endpoint, p256dh, auth }, 'Hello')).rejects.toThrow('500')
  const forged = Buffer.alloc(65, 7).toString('base64url')
  await expect(send({ endpoint, p256dh: forged, auth }, 'Hello')).rejects.toThrow()
})

/** As a browser does it: RFC 8188, section 2, and RFC 8291, section 3.4, from the other side. */
function open(body: Buffer, browser: ReturnType<typeof createECDH>, auth: string): string {
  const salt = body.subarray(0, 16)
  const point = body.subarray(21, 21 + (body[20] ?? 0))
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), browser.getPublicKey(), point])
  const secret = hkdfSync('sha256', browser.computeSecret(point), Buffer.from(auth, 'base64url'), info, 32)
  const derive = (name: string, bytes: number) =>
    Buffer.from(hkdfSync('sha256', Buffer.from(secret), salt, `Content-Encoding: ${name}\0`, bytes))
  const decipher = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12))
  decipher.setAuthTag(body.subarray(-16))
  const plain = Buffer.concat([decipher.update(body.subarray(21 + point.length, -16)), decipher.final()])
  expect(plain.at(-1)).toBe(2)
  return plain.subarray(0, -1).toString()
}

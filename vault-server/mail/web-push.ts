import { createCipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto'
import { SignJWT, importJWK } from 'jose'
import type { PodFetch } from '#core/pods/pod.ts'
import type { SigningKey } from '../oauth/oauth-keys.ts'

/** Where a browser is pushed to, and its keys (Push API). All three are the browser's own words: base64url. */
export interface PushSubscription {
  readonly endpoint: string
  /** P-256 point, uncompressed. */
  readonly p256dh: string
  /** 16 bytes. */
  readonly auth: string
}

/** Sends one message. Gives `gone` when the browser has left; rejects when it should be tried again. */
export type SendPush = (subscription: PushSubscription, text: string) => Promise<'sent' | 'gone'>

const recordSize = 4_096
const pointBytes = 65
/** How long the push service keeps it for a browser that is away, in seconds. */
const keptFor = 24 * 3_600
const tokenLivesMs = 12 * 3_600_000

/** The public key as browsers want it (`applicationServerKey`): the uncompressed point in base64url. */
export function publicPoint({ x, y }: SigningKey): string {
  return Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]).toString(
    'base64url',
  )
}

/** Web Push (RFC 8030) with messages encrypted for the browser (RFC 8291) and signed by this vault (RFC 8292). */
export function createPush(options: {
  key: SigningKey
  /** Told to the push service, so that it can complain. */
  vaultUrl: string
  /** Guarded: browsers say which address they are pushed to. */
  fetch: PodFetch
  now: () => number
}): SendPush {
  const { key, vaultUrl, fetch, now } = options
  return async (subscription, text) => {
    const { endpoint } = subscription
    const token = await new SignJWT({ sub: vaultUrl })
      .setProtectedHeader({ typ: 'JWT', alg: 'ES256' })
      .setAudience(new URL(endpoint).origin)
      .setExpirationTime(Math.floor((now() + tokenLivesMs) / 1000))
      .sign(await importJWK(key, 'ES256'))
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: {
        Authorization: `vapid t=${token}, k=${publicPoint(key)}`,
        'Content-Encoding': 'aes128gcm',
        'Content-Type': 'application/octet-stream',
        TTL: String(keptFor),
        Urgency: 'low',
      },
      body: new Uint8Array(encryptPush(text, subscription)),
      redirect: 'manual',
    })
    if (response.status === 404 || response.status === 410) return 'gone'
    if (!response.ok) throw new Error(`the push service answered ${response.status}`)
    return 'sent'
  }
}

/** RFC 8291, section 3.4, in one record (RFC 8188). `made` is random, unless a test vector says what it was. */
export function encryptPush(
  text: string,
  { p256dh, auth }: Pick<PushSubscription, 'p256dh' | 'auth'>,
  made: { salt: Buffer; privateKey?: Buffer } = { salt: randomBytes(16) },
): Buffer {
  const own = createECDH('prime256v1')
  if (made.privateKey === undefined) own.generateKeys()
  else own.setPrivateKey(made.privateKey)
  const [theirs, ours] = [Buffer.from(p256dh, 'base64url'), own.getPublicKey()]
  // A point that is not on the curve is refused here.
  const shared = own.computeSecret(theirs)
  const bound = Buffer.concat([Buffer.from('WebPush: info\0'), theirs, ours])
  const secret = hkdfSync('sha256', shared, Buffer.from(auth, 'base64url'), bound, 32)
  const derive = (name: string, bytes: number) =>
    Buffer.from(hkdfSync('sha256', Buffer.from(secret), made.salt, `Content-Encoding: ${name}\0`, bytes))
  const cipher = createCipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12))
  // 2 ends the last record.
  const sealed = [cipher.update(Buffer.concat([Buffer.from(text), Buffer.of(2)])), cipher.final()]
  const head = Buffer.alloc(5)
  head.writeUInt32BE(recordSize)
  head[4] = pointBytes
  return Buffer.concat([made.salt, head, ours, ...sealed, cipher.getAuthTag()])
}

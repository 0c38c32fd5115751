/** What a browser does with what it is pushed: it alone can open it. */
import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto'

export class PushedBrowser {
  readonly #keys = createECDH('prime256v1')
  readonly p256dh = this.#keys.generateKeys().toString('base64url')
  readonly auth = randomBytes(16).toString('base64url')

  /** From the other side: RFC 8188, section 2, and RFC 8291, section 3.4. Throws for what is not for this browser. */
  open(body: Buffer): string {
    const salt = body.subarray(0, 16)
    const point = body.subarray(21, 21 + (body[20] ?? 0))
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), this.#keys.getPublicKey(), point])
    const shared = this.#keys.computeSecret(point)
    const secret = hkdfSync('sha256', shared, Buffer.from(this.auth, 'base64url'), info, 32)
    const derive = (name: string, bytes: number) =>
      Buffer.from(hkdfSync('sha256', Buffer.from(secret), salt, `Content-Encoding: ${name}\0`, bytes))
    const decipher = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12))
    decipher.setAuthTag(body.subarray(-16))
    const plain = Buffer.concat([decipher.update(body.subarray(21 + point.length, -16)), decipher.final()])
    if (plain.at(-1) !== 2) throw new Error('not the last record')
    return plain.subarray(0, -1).toString()
  }
}

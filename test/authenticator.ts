/** An authenticator in software: passkeys made and used as WebAuthn Level 3 says, and wrongly where a test asks for it. */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { AddPasskey, PasskeySignIn } from '../schemas/types.gen.ts'

const flag = { present: 0x01, verified: 0x04, canSync: 0x08, isSynced: 0x10, attested: 0x40 }

/** What differs from an honest answer. */
export interface Twist {
  readonly origin?: string
  readonly rpId?: string
  readonly challenge?: string
  readonly isVerified?: boolean
  readonly canSync?: boolean
  readonly counter?: number
  readonly userHandle?: string
  readonly type?: string
}

interface Asked {
  readonly challenge: string
  readonly rpId?: string
  readonly rp?: { readonly id: string }
  readonly user?: { readonly id: string }
}

export class Authenticator {
  readonly #key: KeyObject
  readonly #publicKey: KeyObject
  readonly credentialId = randomBytes(32)
  readonly #origin: string
  #userHandle = ''
  #counter = 0

  constructor(origin: string) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#key = privateKey
    this.#publicKey = publicKey
    this.#origin = origin
  }

  /** What the app sends to `POST /api/passkeys`. */
  make(options: unknown, name: string, twist: Twist = {}): AddPasskey {
    const { challenge, rp, user } = options as Asked
    this.#userHandle = user?.id ?? ''
    const data = this.#data(rp?.id ?? '', twist, flag.attested)
    const length = Buffer.alloc(2)
    length.writeUInt16BE(this.credentialId.length)
    const authData = Buffer.concat([data, Buffer.alloc(16), length, this.credentialId, this.#coseKey()])
    const attestation = cborMap([
      ['fmt', cborText('none')],
      ['attStmt', cborMap([])],
      ['authData', cborBytes(authData)],
    ])
    return {
      name,
      credentialId: this.credentialId.toString('base64url'),
      clientDataJSON: this.#clientData('webauthn.create', challenge, twist).toString('base64url'),
      attestationObject: attestation.toString('base64url'),
      transports: ['internal'],
    }
  }

  /** What the app sends to `POST /api/passkeys/sign-in`. */
  sign(options: unknown, twist: Twist = {}): PasskeySignIn {
    const { challenge, rpId } = options as Asked
    this.#counter++
    const data = this.#data(rpId ?? '', twist)
    const clientData = this.#clientData('webauthn.get', challenge, twist)
    const signed = Buffer.concat([data, createHash('sha256').update(clientData).digest()])
    return {
      credentialId: this.credentialId.toString('base64url'),
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: data.toString('base64url'),
      signature: sign('sha256', signed, this.#key).toString('base64url'),
      userHandle: twist.userHandle ?? this.#userHandle,
    }
  }

  #data(rpId: string, twist: Twist, more = 0): Buffer {
    const { isVerified = true, canSync = false, counter = this.#counter } = twist
    const data = Buffer.alloc(37)
    createHash('sha256')
      .update(twist.rpId ?? rpId)
      .digest()
      .copy(data)
    data[32] = flag.present | more | (isVerified ? flag.verified : 0) | (canSync ? flag.canSync : 0)
    data.writeUInt32BE(counter, 33)
    return data
  }

  #clientData(type: string, challenge: string, twist: Twist): Buffer {
    const origin = twist.origin ?? this.#origin
    const told = {
      type: twist.type ?? type,
      challenge: twist.challenge ?? challenge,
      origin,
      crossOrigin: false,
    }
    return Buffer.from(JSON.stringify(told))
  }

  /** ES256 (RFC 9053, section 2.1). */
  #coseKey(): Buffer {
    const { x = '', y = '' } = this.#publicKey.export({ format: 'jwk' })
    return Buffer.concat([
      Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]),
      cborBytes(Buffer.from(x, 'base64url')),
      Buffer.from([0x22]),
      cborBytes(Buffer.from(y, 'base64url')),
    ])
  }
}

/** CBOR (RFC 8949), as much as an attestation object needs. */
function cborHead(major: number, length: number): Buffer {
  if (length < 24) return Buffer.from([(major << 5) | length])
  if (length < 256) return Buffer.from([(major << 5) | 24, length])
  return Buffer.from([(major << 5) | 25, length >> 8, length & 0xff])
}

const cborBytes = (bytes: Buffer) => Buffer.concat([cborHead(2, bytes.length), bytes])
const cborText = (text: string) => Buffer.concat([cborHead(3, Buffer.byteLength(text)), Buffer.from(text)])
const cborMap = (members: readonly (readonly [string, Buffer])[]) =>
  Buffer.concat([cborHead(5, members.length), ...members.flatMap(([name, value]) => [cborText(name), value])])

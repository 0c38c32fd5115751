import { Buffer } from 'node:buffer'
import { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server'
import { DomainError } from '#core/domain/errors.ts'
import { newId } from '#core/records/ids.ts'
import type { Passkey } from '#core/records/passkeys.ts'
import type { AddPasskey, PasskeySignIn } from '#schemas/types.gen.ts'

/** EdDSA, ES256, RS256 (COSE): what browsers and authenticators have. */
export const algorithms = [-8, -7, -257]

/** Who asks: the exact origin of the vault, and its host. */
export interface Party {
  readonly origin: string
  readonly rpID: string
}

type Asked = Party & { readonly challenge: string }

/** The passkey that a browser made on our options. Refuses with `sign-in-failed`. WebAuthn Level 3, section 7.1. */
export async function newPasskey(
  made: AddPasskey,
  { challenge, origin, rpID }: Asked,
  { accountId, now }: { accountId: string; now: number },
): Promise<Passkey> {
  const { registrationInfo: told } = await verifyRegistrationResponse({
    response: {
      id: made.credentialId,
      rawId: made.credentialId,
      type: 'public-key',
      clientExtensionResults: {},
      response: { clientDataJSON: made.clientDataJSON, attestationObject: made.attestationObject },
    },
    expectedChallenge: challenge,
    expectedOrigin: origin,
    expectedRPID: rpID,
    requireUserVerification: true,
    supportedAlgorithmIDs: algorithms,
  }).catch((cause: unknown) => {
    throw failed(cause)
  })
  if (told === undefined || told.credential.id !== made.credentialId) throw failed()
  return {
    v: 1,
    id: newId(),
    accountId,
    credentialId: told.credential.id,
    publicKey: Buffer.from(told.credential.publicKey).toString('base64url'),
    counter: told.credential.counter,
    canSync: told.credentialDeviceType === 'multiDevice',
    isSynced: told.credentialBackedUp,
    transports: made.transports ?? [],
    name: made.name.trim(),
    createdAt: now,
  }
}

/**
 * What a passkey says of itself now, when it signed the challenge for this origin and verified its user. Refuses with
 * `sign-in-failed`. WebAuthn Level 3, section 7.2.
 */
export async function verifySigned(
  signed: PasskeySignIn,
  { credentialId: id, publicKey, counter, canSync, transports }: Passkey,
  { challenge, origin, rpID }: Asked,
): Promise<{ counter: number; isSynced: boolean }> {
  const { clientDataJSON, authenticatorData, signature, userHandle } = signed
  const { verified, authenticationInfo: told } = await verifyAuthenticationResponse({
    response: {
      id,
      rawId: id,
      type: 'public-key',
      clientExtensionResults: {},
      response: { clientDataJSON, authenticatorData, signature, userHandle },
    },
    expectedChallenge: challenge,
    expectedOrigin: origin,
    expectedRPID: rpID,
    requireUserVerification: true,
    // A counter that does not rise means a copy of the key: refused.
    credential: {
      id,
      publicKey: new Uint8Array(Buffer.from(publicKey, 'base64url')),
      counter,
      transports: [...transports],
    },
  }).catch((cause: unknown) => {
    throw failed(cause)
  })
  // Whether a key can be copied is fixed when it is made (WebAuthn Level 3, 6.1.3).
  if (!verified || (told.credentialDeviceType === 'multiDevice') !== canSync) throw failed()
  return { counter: told.newCounter, isSynced: told.credentialBackedUp }
}

/** One answer for whatever is wrong with it. */
export function failed(cause?: unknown): DomainError {
  return new DomainError('sign-in-failed', 'The passkey was not accepted', { cause })
}

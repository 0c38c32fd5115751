import { createLocalJWKSet, errors, jwtVerify } from 'jose'
import type { JSONWebKeySet, JWTPayload } from 'jose'
import { acknowledge, isLate } from '#core/domain/acknowledgement.ts'
import { DomainError } from '#core/domain/errors.ts'
import { formatTime } from '#core/domain/times.ts'
import { parser } from '#core/http/validate.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { commitAnew } from '#core/ledger/try-commit.ts'
import { grantEntry } from '#core/records/entries.ts'
import { keepSignature, readForgottenGrant } from '#core/records/forgotten-grants.ts'
import { changeGrant, readGrant } from '#core/records/grants.ts'
import type { Names } from '#core/records/names.ts'
import { readClientKeys } from '#core/records/oauth-models.ts'
import { combine } from '#core/records/parts.ts'
import type { AcknowledgedView, Grant } from '#schemas/types.gen.ts'

export const acknowledgementType = 'reach-acknowledgement+jwt'
/** By which clocks may differ, in seconds. */
const clockTolerance = 60

interface AcknowledgementParts {
  readonly ledger: Ledger
  readonly names: Names
  readonly gatewayUrl: string
  /** Unix ms. */
  readonly now: () => number
}

/**
 * What a business signs after the end of a grant: with one of the keys it is registered with at this moment, for this
 * grant and no other, and not before it was asked. On record with the commit, for good. Again is the same answer.
 */
export class Acknowledgements {
  readonly #parts: AcknowledgementParts
  readonly #parse = parser('api/acknowledge.json')
  constructor(parts: AcknowledgementParts) {
    this.#parts = parts
  }

  async take(
    caller: { readonly vendorId: string; readonly clientId: string },
    grantId: string,
    body: unknown,
  ): Promise<AcknowledgedView> {
    const { ledger, names, now } = this.#parts
    const { jws } = this.#parse(body)
    return await commitAnew(ledger, async () => {
      const stored = await readGrant(ledger, grantId)
      if (stored === undefined) return await this.#takeForgotten(caller, grantId, jws)
      const grant = stored.value
      if (grant.vendorId !== caller.vendorId || !grant.redeemed)
        throw new DomainError('not-found', 'There is no such grant of yours')
      const kind = await this.#verify(caller.clientId, grant, jws)
      const next = acknowledge(grant, { kind, jws }, now())
      const result = viewAcknowledged(next, now())
      if (next === grant) return { parts: {}, result }
      const change = await changeGrant({ reader: ledger, names }, stored, next)
      const entry = grantEntry(next, { type: 'acknowledged', kind }, { data: jws })
      return { parts: combine(change, { entries: [entry] }), result }
    })
  }

  /** Of a customer who was forgotten since she asked. */
  async #takeForgotten(
    caller: { readonly vendorId: string; readonly clientId: string },
    grantId: string,
    jws: string,
  ) {
    const { ledger, now } = this.#parts
    const stored = await readForgottenGrant(ledger, grantId)
    if (stored?.value.vendorId !== caller.vendorId)
      throw new DomainError('not-found', 'There is no such grant of yours')
    const kind = await this.#verify(caller.clientId, stored.value, jws)
    const next = acknowledge(stored.value, { kind, jws }, now())
    const result = viewAcknowledged(next, now())
    return { parts: next === stored.value ? {} : keepSignature(stored, next), result }
  }

  async #verify(clientId: string, grant: Signed, jws: string): Promise<'withdrawal' | 'deletion'> {
    const { ledger, gatewayUrl, now } = this.#parts
    const keys = await readClientKeys(ledger, clientId)
    const claims = await verified(jws, {
      keySet: createLocalJWKSet({ keys: [...keys.keys] } as JSONWebKeySet),
      issuer: clientId,
      audience: gatewayUrl,
      now: now(),
    })
    if (claims['grant_id'] !== grant.grantId) throw invalid('is signed for another grant')
    const { kind } = claims
    if (kind !== 'withdrawal' && kind !== 'deletion') throw invalid('names no kind')
    const asked = grant.acknowledgement?.requestedAt ?? 0
    if ((claims.iat ?? 0) + clockTolerance < asked / 1000) throw invalid('was signed before it was asked')
    return kind
  }
}

type Claims = JWTPayload & { readonly kind?: unknown }

async function verified(
  jws: string,
  by: { keySet: ReturnType<typeof createLocalJWKSet>; issuer: string; audience: string; now: number },
): Promise<Claims> {
  try {
    const { payload } = await jwtVerify<Claims>(jws, by.keySet, {
      algorithms: ['ES256', 'EdDSA', 'Ed25519'],
      typ: acknowledgementType,
      issuer: by.issuer,
      audience: by.audience,
      requiredClaims: ['iat', 'grant_id', 'kind'],
      currentDate: new Date(by.now),
      clockTolerance,
    })
    if ((payload.iat ?? 0) > by.now / 1000 + clockTolerance) throw invalid('is signed in the future')
    return payload
  } catch (cause) {
    if (cause instanceof DomainError) throw cause
    throw invalid(
      cause instanceof errors.JWTClaimValidationFailed || cause instanceof errors.JWTExpired
        ? `has no ${cause.claim} that is good here`
        : 'is no signature by one of your registered keys: see its alg and kid',
      cause,
    )
  }
}

type Signed = Pick<Grant, 'grantId' | 'acknowledgement'>

function viewAcknowledged({ grantId, acknowledgement }: Signed, now: number): AcknowledgedView {
  if (acknowledgement?.acknowledgedAt === undefined) throw new Error('a grant that nobody acknowledged')
  const { kind, requestedAt, dueAt, acknowledgedAt } = acknowledgement
  return {
    grant_id: grantId,
    kind,
    requested_at: formatTime(requestedAt),
    ...(dueAt === undefined ? {} : { due_at: formatTime(dueAt) }),
    acknowledged_at: formatTime(acknowledgedAt),
    late: isLate(acknowledgement, now),
  }
}

function invalid(detail: string, cause?: unknown): DomainError {
  const violations = [{ pointer: '/jws', detail }]
  return new DomainError('invalid-input', 'The signed confirmation is not valid', { violations, cause })
}

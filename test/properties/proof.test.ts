import fc from 'fast-check'
import { importJWK, jwtVerify } from 'jose'
import { beforeEach, describe, expect, test } from 'vitest'
import { DomainError } from '#core/domain/errors.ts'
import { encode, jws, newBusiness, newKey, proofFor } from '../../bench/business.ts'
import type { Business } from '../../bench/business.ts'
import { Challenges } from '../../vendor-gateway/tokens/challenge.ts'
import { ProofNonces } from '../../vendor-gateway/tokens/nonce.ts'
import { ProofVerifier } from '../../vendor-gateway/tokens/proof.ts'
import { ReplayWindow } from '../../vendor-gateway/tokens/replay-window.ts'
import type { SignatureCheck } from '../../vendor-gateway/tokens/signature-row.ts'
import { isSigned } from '../../vendor-gateway/tokens/signature.ts'
import type { VerifyKey } from '../../vendor-gateway/tokens/signature.ts'

const url = 'https://gateway.example/tour/v1/subjects/c-1'
const issuer = { url: 'https://vault.example/oauth', audience: 'https://gateway.example', key: newKey() }
const business = newBusiness(issuer, 'business-1')
const stranger = newBusiness(issuer, 'business-2')

let now = Date.now()
let nonces: ProofNonces
let verifier: ProofVerifier
/** What signatures were checked with. */
let checkedWith: Set<VerifyKey>

beforeEach(() => {
  now = Date.now()
  const challenges = new Challenges({ metadataUrl: 'https://gateway.example/metadata' })
  nonces = new ProofNonces({ now: () => now })
  checkedWith = new Set()
  const signatureCheck: SignatureCheck = (proof, lastDot, key) => {
    checkedWith.add(key)
    return isSigned(proof, lastDot, key)
  }
  verifier = new ProofVerifier({ now: () => now, nonces, challenges, signatureCheck })
})

const target = () => ({ method: 'GET', url, nonce: nonces.current() })
const seconds = () => Math.floor(now / 1000)
const good = (claims: Record<string, unknown> = {}) =>
  proofFor(business, target(), { iat: seconds(), ...claims })
const withHeader = (members: Record<string, unknown>) => {
  const header = encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: business.key.jwk, ...members })
  return proofFor({ ...business, header }, target())
}

async function verdict(proof: string, of: Business = business): Promise<string> {
  const { thumbprint } = tokenKey(of)
  try {
    await verifier.verify(proof, { method: 'GET', url, tokenHash: of.tokenHash, thumbprint })
    return 'ok'
  } catch (error) {
    if (error instanceof DomainError) return error.code
    throw error
  }
}

function tokenKey(of: Business): { thumbprint: string } {
  const payload: { cnf: { jkt: string } } = JSON.parse(
    Buffer.from(of.token.split('.')[1] ?? '', 'base64url').toString(),
  )
  return { thumbprint: payload.cnf.jkt }
}

describe('a DPoP proof is accepted', () => {
  test.each(['ES256', 'PS256', 'EdDSA', 'Ed25519'] as const)('signed with %s', async (algorithm) => {
    const other = newBusiness(issuer, 'business-3', { key: newKey(algorithm) })
    expect(await verdict(proofFor(other, target()), other)).toBe('ok')
    expect(await verdict(proofFor(other, target()), other)).toBe('ok') // with the key from the cache
    const damaged = proofFor(other, target()).replace(/.{4}$/, 'AAAA')
    expect(await verdict(damaged, other)).toBe('invalid-proof')
  })

  test.each([
    'HTTPS://Gateway.Example/tour/v1/subjects/c-1',
    'https://gateway.example:443/tour/v1/subjects/c-1',
    'https://gateway.example/tour/v1/subjects/c-1?fields=profile.name#part',
    'https://gateway.example/tour/v1/x/../subjects/%63-1'.replace('%63', 'c'),
  ])('for the address spelled %s', async (htu) => {
    expect(await verdict(good({ htu }))).toBe('ok')
  })

  test.each([-59, -1, 0, 9])('made %s s from now', async (offset) => {
    expect(await verdict(good({ iat: seconds() + offset }))).toBe('ok')
  })

  test('that says by itself from when until when', async () => {
    expect(await verdict(good({ nbf: seconds() - 5, exp: seconds() + 60 }))).toBe('ok')
  })

  test('with claims that mean nothing to us, but with each of ours once', async () => {
    expect(await verdict(good({ extra: { deep: [1, 2] } }))).toBe('ok')
  })
})

describe('a DPoP proof is refused', () => {
  const rsa = newKey('PS256')
  const cases: Record<string, () => string> = {
    'without a signature': () => good().replace(/[^.]*$/, ''),
    'with a forged signature': () => good().replace(/[^.]*$/, 'A'.repeat(86)),
    'with a signature of other length': () => good() + 'AAAA',
    'with padding': () => good() + '==',
    'with a comma and a second proof': () => `${good()}, ${good()}`,
    'with alg none': () => withHeader({ alg: 'none' }),
    'with alg HS256': () => withHeader({ alg: 'HS256' }),
    'with alg RS256': () =>
      proofFor({ ...newBusiness(issuer, 'x', { key: rsa }), tokenHash: business.tokenHash }, target()),
    'with the algorithm of another key type': () => withHeader({ alg: 'PS256' }),
    'with an algorithm named like a member of every object': () => withHeader({ alg: 'constructor' }),
    'with an algorithm that is no string': () => withHeader({ alg: ['ES256'] }),
    'with a private key': () => withHeader({ jwk: { ...business.key.jwk, d: 'AA' } }),
    'with a symmetric key': () => withHeader({ jwk: { kty: 'oct', k: 'AA' } }),
    'with a key that is no point of the curve': () => withHeader({ jwk: { ...business.key.jwk, x: 'AA' } }),
    'with a critical extension': () => withHeader({ crit: ['b64'], b64: false }),
    'with another typ': () => withHeader({ typ: 'JWT' }),
    'without typ': () => withHeader({ typ: undefined }),
    'without jwk': () => withHeader({ jwk: undefined }),
    'by another key': () => proofFor({ ...stranger, tokenHash: business.tokenHash }, target()),
    'for another method': () => good({ htm: 'POST' }),
    'for the method in small letters': () => good({ htm: 'get' }),
    'for another subject': () => good({ htu: `${url}0` }),
    'for the address with a slash at its end': () => good({ htu: `${url}/` }),
    'for another host': () => good({ htu: url.replace('gateway', 'evil') }),
    'for a host hidden behind a user name': () => good({ htu: url.replace('https://', 'https://a@') }),
    'without htu': () => good({ htu: undefined }),
    'with htu of another type': () => good({ htu: [url] }),
    'for another token': () => good({ ath: stranger.tokenHash }),
    'without ath': () => good({ ath: undefined }),
    'too old': () => good({ iat: seconds() - 62 }),
    'dated ahead': () => good({ iat: seconds() + 12 }),
    'that is over by its own word': () => good({ exp: seconds() - 12 }),
    'that is not yet good by its own word': () => good({ nbf: seconds() + 12 }),
    'with exp as text': () => good({ exp: String(seconds() + 60) }),
    'with nbf as text': () => good({ nbf: String(seconds()) }),
    'with iat as text': () => good({ iat: String(seconds()) }),
    'without iat': () => good({ iat: undefined }),
    'without jti': () => good({ jti: undefined }),
    'with an empty jti': () => good({ jti: '' }),
    'with a huge jti': () => good({ jti: 'x'.repeat(129) }),
    'with a jti that is no text': () => good({ jti: 7 }),
    'with a claim twice': () => {
      const claims = `{"htm":"GET","htm":"GET","htu":"${url}","ath":"${business.tokenHash}","iat":${seconds()},"jti":"j","nonce":"${nonces.current()}"}`
      return jws(business.header, claims, business.key)
    },
    'of two parts': () => 'a.b',
    'of one part': () => 'abc',
    'that is empty': () => '',
    'that is very large': () => good({ pad: 'x'.repeat(5000) }),
  }

  test.each(Object.keys(cases))('%s', async (name) => {
    expect(await verdict(cases[name]?.() ?? '')).toBe('invalid-proof')
  })

  test.each(['', 'abc', undefined, 7, null])('with the nonce %j, and is told the good one', async (nonce) => {
    expect(await verdict(good({ nonce }))).toBe('use-dpop-nonce')
  })

  test('with the nonce of another process or of a start before', async () => {
    const before = new ProofNonces({ now: () => now })
    expect(await verdict(good({ nonce: before.current() }))).toBe('use-dpop-nonce')
  })

  test.each([
    ['of 1024 bits', { modulusLength: 1024 }],
    ['of 4104 bits', { modulusLength: 4104 }],
    ['with another exponent', { publicExponent: 3 }],
  ])('with an RSA key %s, though it is well signed', async (_name, rsa) => {
    const other = newBusiness(issuer, 'business-4', { key: newKey('PS256', rsa) })
    expect(await verdict(proofFor(other, target()), other)).toBe('invalid-proof')
  })

  test('when used a second time, also when both come at once', async () => {
    const once = good()
    expect(await verdict(once)).toBe('ok')
    expect(await verdict(once)).toBe('invalid-proof')
    const raced = good()
    const verdicts = await Promise.all(Array.from({ length: 5 }, () => verdict(raced)))
    expect(verdicts.filter((one) => one === 'ok')).toHaveLength(1)
  })

  test('when used again at the last moment, and held up in the row until after it', async () => {
    const nonce = nonces.current()
    expect(await verdict(good({ nonce }))).toBe('ok')
    now += 70_000
    const once = good({ nonce, iat: now / 1000 + 10 })
    expect(await verdict(once)).toBe('ok')
    now += 1
    expect(await verdict(good({ nonce }))).toBe('ok')
    now += 69_999
    const again = verdict(once)
    now += 2
    expect(await again).toBe('invalid-proof')
  })

  test('never remembers a proof whose signature is bad', async () => {
    const real = good()
    const forged = real.replace(/[^.]*$/, 'A'.repeat(86))
    expect(await verdict(forged)).toBe('invalid-proof')
    expect(await verdict(real)).toBe('ok')
  })
})

describe('the cache of keys', () => {
  test('makes one key for each business, however it spells its header and whatever its signatures are worth', async () => {
    expect(await verdict(withHeader({ jwk: stranger.key.jwk }))).toBe('invalid-proof')
    expect(verifier.cachedKeys).toBe(0)
    for (let i = 0; i < 5; i++) {
      const forged = withHeader({ spelling: -i }).replace(/[^.]*$/, 'A'.repeat(86))
      expect(await verdict(forged)).toBe('invalid-proof')
    }
    expect([verifier.cachedKeys, checkedWith.size]).toEqual([1, 1])
    for (let i = 0; i < 5; i++) expect(await verdict(withHeader({ spelling: i }))).toBe('ok')
    expect(verifier.cachedKeys).toBe(1)
    expect(await verdict(proofFor(stranger, target()), stranger)).toBe('ok')
    expect(verifier.cachedKeys).toBe(2)
  })

  test('does not lend a known key to a header that says something else', async () => {
    expect(await verdict(good())).toBe('ok')
    expect(await verdict(withHeader({ alg: 'EdDSA' }))).toBe('invalid-proof')
    expect(await verdict(proofFor({ ...stranger, tokenHash: business.tokenHash }, target()))).toBe(
      'invalid-proof',
    )
  })
})

test('nothing is accepted that jose refuses, whatever character of a proof is changed', async () => {
  const key = await importJWK(business.key.jwk, 'ES256')
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ '
  let accepted = 0
  const property = fc.asyncProperty(fc.nat(), fc.constantFrom(...alphabet), async (position, character) => {
    const proof = good()
    const at = position % proof.length
    const text = proof.slice(0, at) + character + proof.slice(at + 1)
    const oracle = await jwtVerify(text, key, { typ: 'dpop+jwt', algorithms: ['ES256'] }).then(
      () => true,
      () => false,
    )
    const ours = (await verdict(text)) === 'ok'
    if (ours) accepted++
    expect(ours && !oracle).toBe(false)
    if (text === proof) expect(ours).toBe(true)
  })
  await fc.assert(property, { numRuns: 1500 })
  expect(accepted).toBeGreaterThan(0)
})

describe('the nonce', () => {
  test('changes with time, and the one before is good for a while', () => {
    const first = nonces.current()
    now += 181_000
    const second = nonces.current()
    expect(second).not.toBe(first)
    expect([first, second].map((nonce) => nonces.isGood(nonce))).toEqual([true, true])
    now += 181_000
    expect([first, second].map((nonce) => nonces.isGood(nonce))).toEqual([false, true])
    now += 3_600_000
    expect(nonces.isGood(second)).toBe(false)
    expect(nonces.isGood(undefined)).toBe(false)
  })

  test('of before is not good after the clock was set back', () => {
    const first = nonces.current()
    now -= 60_000
    expect(nonces.isGood(first)).toBe(false)
  })

  test('is renewed in the answer to a proof that used the one before', async () => {
    const early = target()
    now += 181_000
    const { thumbprint } = tokenKey(business)
    const bound = { method: 'GET', url, tokenHash: business.tokenHash, thumbprint }
    const renewed = await verifier.verify(proofFor(business, early, { iat: seconds() }), bound)
    expect(renewed).toBe(nonces.current())
    expect(await verifier.verify(good({ iat: seconds() }), bound)).toBeUndefined()
  })
})

describe('the memory of used proofs', () => {
  test('outlasts the turn of a generation for as long as a proof can be good', () => {
    const window = new ReplayWindow({ spanMs: 70_000 })
    fc.assert(
      fc.property(
        fc.nat({ max: 10_000 }),
        fc.array(fc.nat({ max: 69_999 }), { maxLength: 6 }),
        (id, steps) => {
          const start = now
          expect(window.enter('k', `${id}-${start}`, start)).toBe(true)
          for (const step of steps.toSorted((a, b) => a - b)) {
            expect(window.enter('k', `${id}-${start}`, start + step)).toBe(false)
            now = start + step
          }
          now += 1
        },
      ),
    )
  })

  test('refuses when it is full, and forgets nothing early', () => {
    const window = new ReplayWindow({ spanMs: 70_000, limit: 3 })
    for (const proof of ['a', 'b', 'c']) expect(window.enter('k', proof, 1000)).toBe(true)
    expect(() => window.enter('k', 'd', 2000)).toThrow(expect.objectContaining({ code: 'busy' }))
    expect(window.enter('k', 'a', 2000)).toBe(false)
    expect(window.enter('k', 'd', 71_001)).toBe(true)
    expect(window.enter('k', 'a', 71_001)).toBe(false)
    expect(window.enter('k', 'e', 142_002)).toBe(true)
    expect(window.enter('k', 'a', 142_002)).toBe(true)
  })
})

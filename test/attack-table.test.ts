/**
 * Where each attack and each requirement is tried: rows as in docs/threat-model.md's sources (attacks on authorization and
 * tokens), conformance modules of FAPI 2.0 by their names. What stands here must be found in the file named, so the table
 * cannot outlive its tests.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

type Place = readonly [file: string, ...titles: string[]]

const requests = 'flows/oauth-attacks-requests'
const tokens = 'flows/oauth-attacks-tokens'
const registration = 'flows/oauth-attacks-registration'
const races = 'flows/oauth-races'
const lifetimes = 'flows/oauth-lifetimes'
const decision = 'flows/oauth-decision'
const later = 'flows/oauth-later'
const signing = 'flows/oauth-message-signing'
const conformance = 'flows/oauth-conformance'
const conformanceTokens = 'flows/oauth-conformance-tokens'
const gateway = 'flows/gateway-tokens'
const release = 'flows/gateway-release'
const proofs = 'properties/proof'

const attacks: Readonly<Record<string, readonly Place[]>> = {
  '1 assertion: no algorithm, HMAC with the public key, RSA': [[requests, '1: no algorithm']],
  '2 assertion by the key of another business': [[requests, "2: another business's key"]],
  '3 assertion for another client than the request': [[requests, '3: a subject that differs']],
  '4 assertion for another audience, or several': [[requests, '4: audience %s']],
  '5 assertion: claims missing, times, life': [[requests, '5: %s is 401', '5: a clock 8 seconds ahead']],
  '6 assertion replayed, in a row and at once': [
    [requests, '6: a second use'],
    [races, 'of eight uses of one assertion'],
  ],
  '7 authorization without PAR': [[requests, '7: a request that was not pushed']],
  '8 PAR: PKCE, redirect address': [
    [requests, '8: no PKCE', '8: plain PKCE', '8: no redirect_uri', '8: unregistered', '8: with a query'],
  ],
  '9 PAR: other response types and modes': [[requests, '9: implicit', '9: hybrid', '9: by form post']],
  '10 PAR with a request_uri': [[requests, '10: a request_uri is refused']],
  '11 signed requests': [
    [requests, '11: an unsigned request object'],
    [signing, '11: with %s is refused', '11: unsigned, by RSA', '11: is demanded', 'is good once'],
  ],
  '12 request_uri of others, unknown, used': [[requests, '12: a request_uri is for its client']],
  '13 authorization_details': [
    [requests, '13: %s is invalid_authorization_details', '13: members that reach', '13: 200 kB'],
  ],
  '14 parameters that occur twice': [[requests, '14: a parameter']],
  '15 other resources': [[requests, '15: another resource', '15: a second resource']],
  '16 code in other hands': [[tokens, '16: a code is good for nobody', '16: a code is bound']],
  '17 code used twice, in a row and at once': [
    [tokens, '17: a code used twice'],
    [races, 'of eight uses of one code', 'two consume() at once'],
    ['flows/oauth-races-polled', 'that was answered is redeemed once'],
  ],
  '18 DPoP at the server: proofs that do not fit': [[tokens, '18: another URL']],
  '19 DPoP: other spellings of the address': [[tokens, '19: what names the same URL']],
  '20 DPoP: time and nonce': [[tokens, '20: a proof an hour off']],
  '21 DPoP replayed at the server': [
    [tokens, '21: a proof used twice'],
    [races, 'of eight uses of one assertion, one proof'],
  ],
  '22 Host poisoning': [[registration, '22: another Host', '22: forwarding headers']],
  '23 refresh token: of others, after the end, widened': [
    [tokens, '23: a refresh token'],
    [lifetimes, '23, 38: withdrawing'],
  ],
  '24 introspection and revocation by others': [[tokens, '24: a business neither']],
  '25 introspection and revocation of access tokens': [
    [tokens, '25: access tokens'],
    [signing, 'tells of access and refresh tokens'],
    ['flows/gateway-story', 'a revoked token is bad at once'],
  ],
  '26a admission code missing or used': [[registration, '26a: no code']],
  '26b software statement missing or forged': [[registration, '26b: a statement']],
  '26c what would weaken a client': [
    [registration, '26c: loopback', '26c, 27: keys', '26c: what would weaken'],
  ],
  '27 addresses to fetch at registration': [[registration, '26c, 27: keys are public']],
  '28 registration token at another client': [[registration, "28: one business's registration token"]],
  '29 mix-up of servers': [[tokens, '29: an answer without our name']],
  '30 another browser, another customer': [
    [decision, '30: nobody else opens or answers it'],
    [later, '30, 43: the list'],
    [races, 'of two customers who open one request at once'],
  ],
  '31 gateway: Bearer, no proof, two proofs': [
    [gateway, 'as Bearer, in the query', 'is needed, and one only'],
  ],
  '32 gateway: proofs of others, replayed, after a restart': [
    [gateway, "'of another key'", 'by the key of another business', 'is good once, and not after a restart'],
    [proofs, 'when used a second time'],
  ],
  '33 gateway: forged tokens': [
    [
      gateway,
      "'with alg none'",
      "'with alg HS256'",
      "'with a key of its own",
      "'with the address of another key set'",
      "'with an edited payload'",
    ],
  ],
  '34 gateway: other JWTs of ours as token': [
    [gateway, "'with typ JWT, as id tokens have'", "'with typ token-introspection+jwt'", "'without typ'"],
  ],
  '35 gateway: another issuer or audience': [[gateway, "'of another issuer'", "'for another audience'"]],
  "36 a token with another customer's name": [
    [release, 'reads its own subject only', 'gets it also with a token for one customer'],
  ],
  '37 names of another business': [
    [release, 'cannot name the grant of another business', 'gets one answer with the same bytes'],
  ],
  '38 token after the end, pause, loss, deletion': [
    [lifetimes, '23, 38: withdrawing', '38: a deleted client'],
    [release, 'gets one answer with the same bytes', 'that lost its pod'],
    [gateway, 'once its client is deleted'],
    ['flows/race', 'no disclosure stands in the log after the end'],
  ],
  '39 clocks that differ': [
    [conformanceTokens, 'iat-10seconds-before-succeeds', 'iat-10seconds-after-succeeds'],
    [gateway, '50 s old is accepted', "'70 s old'"],
  ],
  '40 cross-site decisions': [[decision, '40: only a page of this vault']],
  '41 token in the query': [[gateway, 'in the query']],
  '42 huge ids': [
    [requests, 'a jti of 10 kB (row 42)'],
    [gateway, "'with a huge jti'"],
  ],
  '43 consent phishing': [
    [lifetimes, '43: a grant whose code nobody redeems'],
    [later, '30, 43: the list'],
    ['flows/oauth-link', '43: a decision made on a link'],
  ],
}

/** Modules of openid-certification/conformance-suite, fapi2spfinal; the prefix is left out. */
const modules = `
  discovery-end-point-verification happy-flow user-rejects-authentication
  ensure-authorization-request-without-state-success ensure-authorization-request-without-nonce-success
  ensure-authorization-request-with-64-char-nonce-success ensure-authorization-request-with-long-nonce
  ensure-authorization-request-with-long-state ensure-other-scope-order-succeeds
  access-token-type-header-case-sensitivity refresh-token
  ensure-registered-redirect-uri ensure-redirect-uri-in-authorization-request
  ensure-unsigned-authorization-request-without-using-par-fails ensure-response-type-code-idtoken-fails
  ensure-response-type-token-fails
  ensure-client-id-in-token-endpoint ensure-holder-of-key-required ensure-authorization-code-is-bound-to-client
  attempt-reuse-authorization-code-after-one-second ensure-token-endpoint-fails-with-expired-auth-code
  ensure-pkce-code-verifier-required incorrect-pkce-code-verifier-rejected
  ensure-signed-client-assertion-with-RS256-fails ensure-client-assertion-in-token-endpoint
  ensure-client-assertion-with-exp-is-5-minutes-in-past-fails ensure-client-assertion-with-wrong-aud-fails
  ensure-client-assertion-with-no-sub-fails
  check-dpop-proof-nbf-exp ensure-dpopproof-with-iat-10seconds-before-succeeds
  ensure-dpopproof-with-iat-10seconds-after-succeeds ensure-mismatched-dpop-jkt-fails
  ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt ensure-token-endpoint-fails-with-mismatched-dpop-jkt
  ensure-dpopproof-at-par-endpoint-binding-success ensure-dpop-auth-code-binding-success dpop-negative-tests
  par-ensure-reused-request-uri-prior-to-auth-completion-succeeds par-attempt-reuse-request_uri
  par-attempt-to-use-expired-request_uri par-attempt-to-use-request_uri-for-different-client
  par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted
  par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails
  par-authorization-request-containing-request_uri par-authorization-request-containing-request_uri-form-param
  par-attempt-invalid-http-method par-ensure-pkce-required par-plain-pkce-rejected par-without-duplicate-parameters
  par-test-array-as-audience-fails par-test-par-endpoint-url-as-audience-fails
  par-test-token-endpoint-url-as-audience-fails`
  .trim()
  .split(/\s+/)

/** Modules about the resource server, which have other names in our tests. */
const modulesElsewhere: Readonly<Record<string, readonly Place[]>> = {
  'access-token-type-header-case-sensitivity': [[gateway, 'access-token-type-header-case-sensitivity']],
  'dpop-negative-tests': [['flows/gateway-proofs', 'dpop-negative-tests']],
}

const text = (file: string) => readFileSync(join(import.meta.dirname, `${file}.test.ts`), 'utf8')
const missing = (places: readonly Place[]) =>
  places.flatMap(([file, ...titles]) => titles.filter((title) => !text(file).includes(title)))

test.each(Object.entries(attacks))('attack %s', (_row, places) => {
  expect(missing(places)).toEqual([])
})

test('no row is left out', () => {
  const numbers = new Set(Object.keys(attacks).map((row) => Number.parseInt(row)))
  expect([...numbers]).toEqual(Array.from({ length: 43 }, (_, index) => index + 1))
})

test.each(modules)('module %s', (name) => {
  const places = modulesElsewhere[name] ?? [
    [text(conformance).includes(name) ? conformance : conformanceTokens, name],
  ]
  expect(missing(places)).toEqual([])
})

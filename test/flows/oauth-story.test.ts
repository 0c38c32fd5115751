import { decodeProtectedHeader, decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { matches } from '#core/http/validate.ts'
import { ask, batchToken, outcome, redeem, refresh, requestType } from '../business.ts'
import { allowing, decideAt, startOAuthVault } from '../oauth-vault.ts'

test('a business registers, asks, redeems what the customer allowed, and refreshes', async () => {
  await using vault = await startOAuthVault()
  const customer = await vault.customer()
  const business = await vault.business()
  expect(business.metadata).toMatchObject({
    client_name: 'Corner Shop',
    subject_type: 'pairwise',
    dpop_bound_access_tokens: true,
    require_pushed_authorization_requests: true,
  })

  const pending = await ask(business)
  const { callback, view, result } = await decideAt(vault, customer, pending.url, (shown) =>
    allowing(shown, {
      items: [
        { id: 'name', fields: ['profile.name'] },
        { id: 'diet', fields: ['diet.allergies'] },
      ],
    }),
  )
  expect(matches('api/request-view.json', view)).toBe(true)
  expect(matches('api/decision-result.json', result)).toBe(true)
  expect(view.items[1]?.fields.map(({ field, value }) => [field, value])).toEqual([
    ['diet.diet', ['VeganDiet']],
    ['diet.allergies', ['peanut']],
  ])
  expect(callback.searchParams.get('iss')).toBe(vault.issuer)

  const tokens = await redeem(business, callback, pending)
  expect(tokens.granted).toEqual([
    {
      type: requestType,
      grant_id: result.grantId,
      until: view.suggestedUntil,
      items: [
        { id: 'name', purpose: 'dpv:CustomerOrderManagement', fields: ['profile.name'] },
        { id: 'diet', purpose: 'dpv:ServicePersonalisation', fields: ['diet.allergies'] },
      ],
    },
  ])
  expect(matches('api/granted-details.json', tokens.granted[0])).toBe(true)
  expect(tokens.grantId).toBe(result.grantId)
  expect(tokens.expiresIn).toBe(300)
  expect(decodeProtectedHeader(tokens.accessToken)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' })
  expect(Object.keys(tokens.claims).sort()).toEqual(
    'aud authorization_details client_id cnf exp grant_id iat iss jti sub'.split(' '),
  )
  expect(tokens.claims).toMatchObject({
    iss: vault.issuer,
    aud: vault.gatewayUrl,
    client_id: business.clientId,
  })

  const again = await refresh(business, tokens.refreshToken)
  expect(again.refreshToken).toBe(tokens.refreshToken)
  expect(again.granted).toEqual(tokens.granted)
  const narrow = [
    { type: requestType, items: [{ purpose: 'dpv:ServicePersonalisation', fields: ['diet.allergies'] }] },
  ]
  expect((await refresh(business, tokens.refreshToken, narrow)).granted[0]?.items).toEqual([
    { id: 'diet', purpose: 'dpv:ServicePersonalisation', fields: ['diet.allergies'] },
  ])
  const wide = [
    { type: requestType, items: [{ purpose: 'dpv:ServicePersonalisation', fields: ['diet.diet'] }] },
  ]
  expect(await outcome(refresh(business, tokens.refreshToken, wide))).toBe(
    '400 invalid_authorization_details',
  )

  const batch = decodeJwt(await batchToken(business))
  expect(batch).toMatchObject({ sub: business.clientId, scope: 'batch', aud: vault.gatewayUrl })
  expect(batch).not.toHaveProperty('authorization_details')

  const history = await vault.ledger.history(String(result.grantId))
  expect(history.map(({ ops }) => readFact(ops).type)).toEqual(['redeemed', 'granted'])
})

/** Businesses from the operator's side: let in, suspended, reinstated, and each of it in the log. */
import { generateKeyPair } from 'jose'
import { afterEach, expect, test, vi } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { readVendorStanding } from '#core/records/vendors.ts'
import {
  batchToken,
  outcome,
  postRegistration,
  registerBusiness,
  registrationBody,
  verdict,
} from '../business.ts'
import type { Admission } from '../business.ts'
import { startOAuthVault } from '../oauth-vault.ts'
import type { OAuthVault } from '../oauth-vault.ts'

const day = 86_400_000

afterEach(() => {
  vi.useRealTimers()
})

async function register(vault: OAuthVault, admission: Admission): Promise<string> {
  const { publicKey } = await generateKeyPair('ES256', { extractable: true })
  const key = { publicKey, algorithm: 'ES256', kid: 'k', redirectUri: 'https://s.example/cb' } as const
  const body = await registrationBody(admission, key)
  return verdict(postRegistration(vault.issuer, admission.admissionCode, body))
}

const factsOf = async (vault: OAuthVault, vendorId: string) =>
  (await vault.ledger.history(vendorId)).map(({ ops }) => readFact(ops).type)

test('no business is let in under words that mislead', async () => {
  await using vault = await startOAuthVault()
  for (const [member, text] of [
    ['name', 'Bank\u202Eknab'],
    ['name', 'Bank\nReach: all is well'],
    ['name', '\u3164'],
    ['name', `Z${'\u0301'.repeat(9)}`],
    ['contact', 'privacy@bank.example\u200B'],
    ['website', 'https://bank.example@evil.example/'],
    ['privacyPolicy', 'https://bank.example:443@evil.example/'],
  ] as const) {
    await expect(vault.operator.add({ name: 'Corner Shop', [member]: text })).rejects.toMatchObject({
      code: 'invalid-input',
      violations: [{ pointer: `/${member}` }],
    })
  }
  expect(await vault.operator.list()).toEqual([])
  // A name may well be a domain.
  await vault.operator.add({ name: 'shop.example GmbH & Co. KG (Köln)', website: 'https://shop.example/@us' })
})

test('a business is let in, registers itself, and stands in list and log', async () => {
  await using vault = await startOAuthVault()
  const told = {
    name: 'Corner Shop',
    website: 'https://shop.example',
    contact: 'privacy@shop.example',
    privacyPolicy: 'https://shop.example/privacy',
    jurisdiction: 'DE',
  }
  const { vendorId, registrationEndpoint, ...admission } = await vault.operator.add(told)
  expect(registrationEndpoint).toBe(`${vault.issuer}/reg`)
  expect(await vault.operator.show(vendorId)).toMatchObject({ ...told, vendorId, state: 'admitted' })
  const { clientId, metadata } = await registerBusiness(vault.issuer, admission)
  expect(metadata).toMatchObject({ client_name: 'Corner Shop', software_id: vendorId })
  expect(await vault.operator.show(vendorId)).toMatchObject({ state: 'active', clientId })
  expect(await factsOf(vault, vendorId)).toEqual(['vendor-admitted'])

  const others = [await vault.operator.add({ name: 'B' }), await vault.operator.add({ name: 'C' })]
  const ids = (await vault.operator.list()).map((row) => row.vendorId)
  expect(ids).toEqual([vendorId, ...others.map((other) => other.vendorId)].toSorted())
  const [first] = ids
  expect((await vault.operator.list({ after: String(first), limit: 1 })).map((row) => row.vendorId)).toEqual([
    ids[1],
  ])
  await expect(vault.operator.show('nobody')).rejects.toMatchObject({ code: 'not-found' })
  await expect(vault.operator.suspend('nobody')).rejects.toMatchObject({ code: 'not-found' })
})

test('suspending changes the row that every disclosure checks, stops tokens, and is undone by reinstating', async () => {
  await using vault = await startOAuthVault()
  const shop = await vault.business()
  const version = async () => (await readVendorStanding(vault.ledger, shop.vendorId))?.version
  const before = await version()
  await batchToken(shop)
  expect(await vault.operator.suspend(shop.vendorId)).toMatchObject({
    state: 'suspended',
    clientId: shop.clientId,
  })
  const suspended = await version()
  expect(suspended).not.toBe(before)
  expect(await outcome(batchToken(shop))).toBe('400 unauthorized_client')
  // Again changes nothing and is not told twice.
  await vault.operator.suspend(shop.vendorId)
  expect(await version()).toBe(suspended)
  expect(await vault.operator.reinstate(shop.vendorId)).toMatchObject({ state: 'active' })
  await vault.operator.reinstate(shop.vendorId)
  expect(await outcome(batchToken(shop))).toBe('accepted')
  expect(await factsOf(vault, shop.vendorId)).toEqual([
    'vendor-reinstated',
    'vendor-suspended',
    'vendor-admitted',
  ])
})

test('two operators who suspend at once make one entry', async () => {
  await using vault = await startOAuthVault()
  const shop = await vault.business()
  const both = await Promise.all([
    vault.operator.suspend(shop.vendorId),
    vault.operator.suspend(shop.vendorId),
  ])
  expect(both.map(({ state }) => state)).toEqual(['suspended', 'suspended'])
  expect(await factsOf(vault, shop.vendorId)).toEqual(['vendor-suspended', 'vendor-admitted'])
})

test('a business that is suspended before it registered cannot register, and can once it is reinstated', async () => {
  await using vault = await startOAuthVault()
  const admission = await vault.operator.add({ name: 'Shop' })
  await vault.operator.suspend(admission.vendorId)
  expect(await register(vault, admission)).toBe('400 unapproved_software_statement')
  expect(await vault.operator.reinstate(admission.vendorId)).toMatchObject({ state: 'admitted' })
  expect(await register(vault, admission)).toBe('201')
})

test('a code is good for 7 days; then the operator hands out another for the same business', async () => {
  await using vault = await startOAuthVault()
  const admission = await vault.operator.add({ name: 'Slow Shop' })
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 7 * day + 60_000 })
  expect(await register(vault, admission)).toBe('401 invalid_token')
  const again = await vault.operator.readmit(admission.vendorId)
  expect(again.vendorId).toBe(admission.vendorId)
  // The old statement does not go with the new code.
  expect(await register(vault, { ...again, softwareStatement: admission.softwareStatement })).toBe(
    '400 invalid_software_statement',
  )
  expect(await register(vault, again)).toBe('201')
  await expect(vault.operator.readmit(admission.vendorId)).rejects.toMatchObject({ code: 'conflict' })
})

test('two codes of one business make one client', async () => {
  await using vault = await startOAuthVault()
  const first = await vault.operator.add({ name: 'Shop' })
  const second = await vault.operator.readmit(first.vendorId)
  const both = await Promise.all([register(vault, first), register(vault, second)])
  expect(both.filter((one) => one === '201')).toHaveLength(1)
  expect(await register(vault, second)).not.toBe('201')
})

test('what was let in survives a restart', async () => {
  await using vault = await startOAuthVault()
  const shop = await vault.business()
  const admission = await vault.operator.add({ name: 'Next Shop' })
  await vault.restart()
  expect(await outcome(batchToken(shop))).toBe('accepted')
  expect(await register(vault, admission)).toBe('201')
})

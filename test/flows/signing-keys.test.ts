/** Other keys come to sign tokens, receipts and the agent's requests, by the operator's act: nothing good is refused on the way. */
import { compactVerify, createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { asOperator } from '../../cli/operator.ts'
import { recordSigningKeys, signingKeyOperator } from '../../vault-server/operator/signing-keys.ts'
import { rotateSigningKey, type SigningUse } from '../../vault-server/signing-keys.ts'
import { Story, type Customer, type Relation, type Shop } from '../story.ts'

const hour = 3_600_000
const minute = 60_000
let story: Story
let alma: Customer
let shop: Shop

beforeAll(async () => {
  story = await Story.open()
  ;[alma, shop] = [await story.customer(), await story.shop()]
})
afterAll(() => story?.[Symbol.asyncDispose](), 30_000)

async function keySet(path: string): Promise<JSONWebKeySet> {
  const keys = (await (await fetch(story.world.config.vaultUrl + path)).json()) as JSONWebKeySet
  expect(keys.keys.every((key) => !('d' in key))).toBe(true)
  return keys
}
const kidsOf = async (path: string) => (await keySet(path)).keys.map(({ kid }) => kid)
const tokenKeys = () => kidsOf('/oauth/jwks')
const receiptKeys = () => kidsOf('/api/receipts/keys')
const agentKeys = () => kidsOf('/agent/jwks')
const tokenKeyOf = ({ tokens }: Relation) => decodeProtectedHeader(tokens.accessToken).kid
const receiptOf = ({ result }: Relation) => String(result.receipt?.jws)
const statusOf = async (relation: Relation) => (await story.read(relation)).status

/** The operator's act, as if it were so long ago. */
function rotated(use: SigningUse, ago: number) {
  const { ledger, keys } = story.world.reach
  return signingKeyOperator({ ledger, keys, now: () => Date.now() - ago }).rotate(use, false)
}

/** As `reach keys rotate` does it. */
const rotate = (use: SigningUse, isStolen = false) =>
  asOperator({ config: story.world.config, now: Date.now }, (operator) =>
    operator.signingKeys.rotate(use, isStolen),
  )

test('tokens: another key signs after an hour in public, both are taken; a stolen one is good for nothing', async () => {
  const [first] = await tokenKeys()
  const before = await story.allow(alma, shop)
  expect(tokenKeyOf(before)).toBe(first)

  const second = await rotated('tokens', hour + minute)
  await expect.poll(tokenKeys).toEqual([second.kid, first])
  const after = await story.allow(alma, await story.shop())
  expect(tokenKeyOf(after)).toBe(second.kid)
  expect([await statusOf(before), await statusOf(after)]).toEqual([200, 200])

  const third = await rotate('tokens')
  expect(third.from).toBeGreaterThan(Date.now() + hour - minute)
  await expect.poll(tokenKeys).toEqual([second.kid, third.kid, first])
  expect(tokenKeyOf(await story.allow(alma, await story.shop()))).toBe(second.kid)

  const fourth = await rotate('tokens', true)
  await expect.poll(tokenKeys).toEqual([fourth.kid])
  await story.world.restart()
  for (const relation of [before, after])
    await expect(story.read(relation)).rejects.toThrow(/WWW-Authenticate/)
  const last = await story.allow(alma, await story.shop())
  expect([tokenKeyOf(last), await statusOf(last)]).toEqual([fourth.kid, 200])
})

test('receipts: what every key ever signed is verified for ever', async () => {
  const [first] = await receiptKeys()
  const earlier = receiptOf(await story.allow(alma, await story.shop()))
  const second = await rotated('receipts', 400 * 24 * hour)
  await expect.poll(receiptKeys).toEqual([second.kid, first])
  const later = receiptOf(await story.allow(alma, await story.shop()))
  const third = await rotate('receipts', true)
  await expect.poll(receiptKeys).toEqual([third.kid, first, second.kid])
  story.world.clock.ahead = 0
  const keys = createLocalJWKSet(await keySet('/api/receipts/keys'))
  const kids = await Promise.all(
    [earlier, later].map(async (jws) => (await compactVerify(jws, keys)).protectedHeader.kid),
  )
  expect(kids).toEqual([first, second.kid])
})

test('the agent: the key that pods know already signs at once, and another one waits', async () => {
  const [current, next] = await agentKeys()
  const { kid } = await rotate('agent')
  expect(kid).toBe(next)
  await expect.poll(agentKeys).toEqual([next, expect.any(String), current])
  // Nothing of her pod is at hand yet.
  expect(await statusOf(await story.allow(await story.customer(), shop))).toBe(200)
  // The one that waits now has not been in public long enough.
  expect((await rotate('agent')).from).toBeGreaterThan(Date.now() + hour - minute)
})

test('each has one entry in the log, also one that was cut off from its key', async () => {
  const { ledger, keys } = story.world.reach
  const told = async () => {
    const size = Number(ledger.log.checkpoint().split('\n')[1])
    const facts = (await ledger.openings(0, size)).map(({ ops }) => readFact(ops))
    return facts.flatMap((fact) => (fact.type === 'signing-key-changed' ? [fact.use] : []))
  }
  // An hour after its end the one before leaves the public.
  const fifth = await rotated('tokens', 3 * hour)
  await expect.poll(tokenKeys).toEqual([fifth.kid])
  const before = await told()
  expect(before.toSorted()).toEqual([
    'agent',
    'agent',
    'receipts',
    'receipts',
    'tokens',
    'tokens',
    'tokens',
    'tokens',
  ])
  await rotateSigningKey(keys, { use: 'receipts', isStolen: false, now: Date.now() })
  for (const _again of [1, 2]) await recordSigningKeys({ ledger, keys })
  expect(await told()).toEqual([...before, 'receipts'])
})

/** A business proves the host of its website by a file there; whoever answers at that host may be hostile. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { viewVendor } from '../../vault-server/customer/views.ts'
import { checkDomains, proofMissingMost } from '../../vault-server/operator/domain-checks.ts'
import { vendorOperator } from '../../vault-server/operator/vendors.ts'
import type { VendorOperator } from '../../vault-server/operator/vendors.ts'
import { registerBusiness } from '../business.ts'
import { startOAuthVault } from '../oauth-vault.ts'
import type { OAuthVault } from '../oauth-vault.ts'

const day = 86_400_000
let vault: OAuthVault
let operator: VendorOperator
let origin: string
let answer: (response: ServerResponse, path: string) => void
let asked: string[] = []
let ahead = 0
const now = () => Date.now() + ahead

const site = createServer((request, response) => {
  asked.push(`${request.method} ${request.url}`)
  answer(response, request.url ?? '')
})

beforeAll(async () => {
  await once(site.listen(0, '127.0.0.1'), 'listening')
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  vault = await startOAuthVault()
  operator = vendorOperator({
    ledger: vault.ledger,
    authorization: vault.authorization,
    now,
    outboundAllow: [origin],
  })
})
afterAll(async () => {
  site.closeAllConnections()
  site.close()
  await vault[Symbol.asyncDispose]()
})
beforeEach(() => {
  asked = []
  ahead = 0
})

const serve =
  (body: string, type = 'application/json') =>
  (response: ServerResponse) =>
    void response.setHeader('content-type', type).end(body)
const proofOf = (vendorId: string) => serve(JSON.stringify({ vendorId }))
const gone = (response: ServerResponse) => void response.writeHead(404).end()

async function shop(website = `${origin}/shop`): Promise<string> {
  const admission = await operator.add({ name: 'Corner Shop', website })
  await registerBusiness(vault.issuer, admission)
  return admission.vendorId
}

const factsOf = async (vendorId: string) =>
  (await vault.ledger.history(vendorId))
    .map(({ ops }) => readFact(ops))
    .filter(({ type }) => type.startsWith('vendor-domain'))
    .map((fact) => [fact.type, 'domain' in fact && fact.domain])
    .toReversed()

test('what the file proves is shown to customers, and is on record once', async () => {
  const vendorId = await shop()
  const { host } = new URL(origin)
  expect(await viewVendor(vault.ledger, vendorId)).toMatchObject({ domainProven: false })
  answer = proofOf(vendorId)
  expect(await operator.prove(vendorId, host)).toMatchObject({ domain: host })
  await operator.prove(vendorId)
  expect(asked).toEqual(Array(2).fill('GET /.well-known/reach-vendor.json'))
  expect(await viewVendor(vault.ledger, vendorId)).toMatchObject({ domainProven: true, domain: host })
  expect(await factsOf(vendorId)).toEqual([['vendor-domain-proven', host]])
})

test.each<[string, string, (response: ServerResponse) => void]>([
  ['no file', 'answers 404', gone],
  ['a page', 'not application/json', serve('<script>alert(1)</script>', 'text/html')],
  ['another business', 'names another business', serve('{"vendorId":"somebody-else-00000000"}')],
  ['no JSON', 'not the JSON object', serve('vendorId')],
  ['a member twice', 'not the JSON object', serve('{"vendorId":"a","vendorId":"b"}')],
  ['a list', 'not the JSON object', serve('[]')],
  ['a number', 'not the JSON object', serve('{"vendorId":1}')],
  ['a huge file', 'too large', serve(`{"vendorId":"${'x'.repeat(100_000)}"}`)],
  [
    'a redirect, even to the right file',
    'redirects',
    (response) =>
      void response.writeHead(302, { location: `${origin}/.well-known/reach-vendor.json?` }).end(),
  ],
  ['a cut connection', 'cannot be reached', (response) => void response.destroy()],
])('%s proves nothing', async (_what, why, hostile) => {
  const vendorId = await shop()
  answer = hostile
  await expect(operator.prove(vendorId)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining(why),
  })
  expect(asked).toHaveLength(1)
  expect(await viewVendor(vault.ledger, vendorId)).toMatchObject({ domainProven: false })
  expect(await factsOf(vendorId)).toEqual([])
})

test.each([
  ['http://shop.example/', 'over https'],
  ['https://shop.example:8443/', 'without a port'],
  ['https://127.0.0.1/', 'under a domain name'],
  ['https://[::1]/', 'under a domain name'],
  ['https://2130706433/', 'under a domain name'],
  ['https://localhost/', 'under a domain name'],
])('the host of %s can never be proven', async (website, why) => {
  const vendorId = await shop(website)
  await expect(operator.prove(vendorId)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining(why),
  })
})

test('only the host of the website can be proven, by a business that has one', async () => {
  const vendorId = await shop()
  answer = proofOf(vendorId)
  for (const domain of ['shop.example', 'www.shop.example', origin, '127.0.0.1'])
    await expect(operator.prove(vendorId, domain)).rejects.toMatchObject({ code: 'conflict' })
  const { vendorId: nameless } = await operator.add({ name: 'No Site' })
  await expect(operator.prove(nameless, 'shop.example')).rejects.toMatchObject({ code: 'conflict' })
  await expect(operator.prove('nobody')).rejects.toMatchObject({ code: 'not-found' })
  expect(asked).toEqual([])
})

test('a private address is not asked, unless development allows it', async () => {
  const guarded = vendorOperator({ ledger: vault.ledger, authorization: vault.authorization, now })
  const vendorId = await shop()
  await expect(guarded.prove(vendorId)).rejects.toMatchObject({ code: 'conflict' })
  expect(asked).toEqual([])
})

test('the file is looked for every day; a proof is lost once it was not there for three', async () => {
  const vendorId = await shop()
  const { host } = new URL(origin)
  const check = () => checkDomains({ ledger: vault.ledger, outboundAllow: [origin], now })
  const domain = async () => (await viewVendor(vault.ledger, vendorId)).domain
  answer = proofOf(vendorId)
  // The business's own act is enough: nobody asked the operator.
  await check()
  expect(await domain()).toBe(host)
  asked = []
  await check()
  expect(asked).toEqual([])

  answer = gone
  ahead += day
  await check()
  expect(await domain()).toBe(host)
  answer = proofOf(vendorId)
  ahead += day
  await check()
  expect((await operator.show(vendorId)).domainMissingSince).toBeUndefined()

  answer = gone
  ahead += day
  await check()
  ahead += proofMissingMost - day / 24
  await check()
  expect(await domain()).toBe(host)
  ahead += day
  await check()
  expect(await viewVendor(vault.ledger, vendorId)).toMatchObject({ domainProven: false })
  expect(await factsOf(vendorId)).toEqual([
    ['vendor-domain-proven', host],
    ['vendor-domain-lost', host],
  ])
})

test('a host that comes to name another business is lost at once', async () => {
  const vendorId = await shop()
  answer = proofOf(vendorId)
  await operator.prove(vendorId)
  answer = serve('{"vendorId":"somebody-else-00000000"}')
  await expect(operator.prove(vendorId)).rejects.toMatchObject({ code: 'conflict' })
  expect(await viewVendor(vault.ledger, vendorId)).toMatchObject({ domainProven: false })
  expect((await factsOf(vendorId)).map(([type]) => type)).toEqual([
    'vendor-domain-proven',
    'vendor-domain-lost',
  ])
})

test('a proof goes with the website, and cannot come to another by a look that was under way', async () => {
  const vendorId = await shop()
  const { host } = new URL(origin)
  answer = proofOf(vendorId)
  await operator.prove(vendorId)
  await operator.change(vendorId, { website: `${origin}/other-page`, contact: 'data@shop.example' })
  expect(await viewVendor(vault.ledger, vendorId)).toMatchObject({
    domain: host,
    contact: 'data@shop.example',
  })
  await operator.change(vendorId, { website: 'https://bank.example' })
  expect(await viewVendor(vault.ledger, vendorId)).toMatchObject({ domainProven: false })
  expect((await operator.show(vendorId)).domain).toBeUndefined()
  expect((await factsOf(vendorId)).at(-1)).toEqual(['vendor-domain-lost', host])

  // The host answers for the website that it was; by then the business is told under another.
  await operator.change(vendorId, { website: origin })
  answer = (response) =>
    void operator
      .change(vendorId, { website: 'https://bank.example' })
      .finally(() => proofOf(vendorId)(response))
  await operator.prove(vendorId)
  expect(await viewVendor(vault.ledger, vendorId)).toMatchObject({ domainProven: false })
  expect((await operator.show(vendorId)).domain).toBeUndefined()
})

test('what is told of a business is corrected by the rules of admission, on record, and never after it has left', async () => {
  const vendorId = await shop()
  const types = async () => (await vault.ledger.history(vendorId)).map(({ ops }) => readFact(ops).type)
  const before = (await types()).length
  await expect(operator.change(vendorId, { contact: 'x\u202Ey' })).rejects.toMatchObject({
    code: 'invalid-input',
  })
  await expect(operator.change('nobody', { contact: 'data@shop.example' })).rejects.toMatchObject({
    code: 'not-found',
  })
  for (const _ of [1, 2]) await operator.change(vendorId, { jurisdiction: 'AT' })
  expect((await types()).slice(0, -before)).toEqual(['vendor-changed'])
  expect(await operator.show(vendorId)).toMatchObject({ jurisdiction: 'AT', state: 'active' })
  await operator.remove(vendorId)
  await expect(operator.change(vendorId, { jurisdiction: 'DE' })).rejects.toMatchObject({ code: 'conflict' })
})

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adviceCodes } from '#core/domain/request-review.ts'
import { noticeOf } from '#core/domain/notice.ts'
import { normalizeRequest } from '#core/domain/request.ts'
import { readVendor } from '#core/records/vendors.ts'
import checkSchema from '#schemas/api/request-check.json' with { type: 'json' }
import type { AccessRequestDetails } from '#schemas/types.gen.ts'
import { TestGateway } from '../gateway.ts'
import type { TestVendor } from '../gateway.ts'

let gateway: TestGateway
let shop: TestVendor

beforeAll(async () => {
  gateway = await TestGateway.open()
  shop = await gateway.vendor('shop')
})
afterAll(() => gateway[Symbol.asyncDispose]())

const details = (): AccessRequestDetails => ({
  type: 'urn:reach:access-request:1',
  items: [
    {
      purpose: 'dpv:DeliveryOfGoods',
      fields: ['profile.name', 'contact.address'],
      why: 'To deliver what you order.',
      required: true,
    },
    {
      purpose: 'dpv:AgeVerification',
      fields: ['profile.birthDate'],
      why: 'To sell you wine only if you are of age.',
      required: false,
    },
  ],
  retention: 'P90D',
  recipients: [{ name: 'Parcel Service', role: 'delivers the parcel' }],
  until: new Date(gateway.house.now() + 30 * 86_400_000).toISOString(),
})
const check = (body: unknown, as = shop) =>
  gateway.call({ as, method: 'POST', path: '/v1/requests/check', body })
const checkOne = (element: unknown) => check({ authorization_details: [element] })

describe('the dry run of a request', () => {
  test('advises on it, shows the words a customer would read, and leaves no trace', async () => {
    const before = gateway.ledger.log.checkpoint()
    const { status, json } = await checkOne(details())
    expect([status, json.acceptable, json.errors]).toEqual([200, true, []])
    const at = '/authorization_details/0/items/1/fields/0'
    expect(json.advice).toContainEqual(
      expect.objectContaining({ code: 'answer-would-do', kind: 'over-asking', pointer: at }),
    )
    expect(json.advice).toContainEqual(expect.objectContaining({ code: 'no-privacy-policy', pointer: '' }))
    const vendor = await readVendor(gateway.ledger, shop.vendorId)
    if (vendor === undefined) throw new Error('the business is there')
    const { vendorId } = shop
    const request = normalizeRequest(details(), { vendorId, now: gateway.house.now() })
    expect(json.preview).toEqual(noticeOf({ vendor: vendor.value, ...request }))
    expect(gateway.ledger.log.checkpoint()).toBe(before)
    expect((await gateway.call({ as: shop, path: '/v1/requests' })).json.requests).toEqual([])
  })

  test.each<[string, (asked: AccessRequestDetails) => unknown, string]>([
    [
      'a purpose that nobody may ask for',
      (asked) => ({ ...asked, items: [{ ...asked.items[0], purpose: 'dpv:PoliticalCampaign' }] }),
      '/items/0/purpose',
    ],
    [
      'a field that is not there',
      (asked) => ({ ...asked, items: [{ ...asked.items[0], fields: ['profile.secret'] }] }),
      '/items/0/fields/0',
    ],
    ['a missing statement', (asked) => ({ ...asked, recipients: undefined }), '/recipients'],
    ['an end that has passed', (asked) => ({ ...asked, until: '2020-01-01T00:00:00Z' }), '/until'],
    ['another type', (asked) => ({ ...asked, type: 'urn:other' }), '/type'],
    [
      'an address in its words',
      (asked) => ({ ...asked, items: [{ ...asked.items[0], why: 'See https://evil.example for more' }] }),
      '/items/0/why',
    ],
    ['nothing at all', () => ({}), '/items'],
  ])('says that the authorization server would refuse %s', async (_name, broken, pointer) => {
    const { status, json, text } = await checkOne(broken(details()))
    expect([status, json.acceptable, json.preview, json.advice]).toEqual([200, false, undefined, []])
    expect(json.errors).toContainEqual(
      expect.objectContaining({ pointer: `/authorization_details/0${pointer}` }),
    )
    expect(text).not.toContain('evil')
  })

  test.each<[string, unknown]>([
    ['no element', { authorization_details: [] }],
    ['two elements', { authorization_details: [{}, {}] }],
    ['an element that is no object', { authorization_details: ['x'] }],
    ['no details', {}],
    ['more than details', { authorization_details: [{}], scope: 'openid' }],
  ])('refuses a body with %s', async (_name, body) => {
    const { status, json } = await check(body)
    expect([status, json.code]).toEqual([400, 'invalid-input'])
  })

  test('is for businesses, not for a token of one customer', async () => {
    const grant = await gateway.grant(await gateway.customer(), shop)
    const { status, json } = await gateway.call({
      as: gateway.withGrantToken(shop, grant),
      method: 'POST',
      path: '/v1/requests/check',
      body: { authorization_details: [details()] },
    })
    expect([status, json.code]).toEqual([403, 'insufficient-scope'])
  })

  test('has a documented word for every advice', () => {
    const { code } = checkSchema.properties.advice.items.properties
    expect(code.enum.toSorted()).toEqual(Object.keys(adviceCodes).toSorted())
  })
})

/**
 * Promise 3: what you saw is what they get. Promise 9: one decision, one commit; with it promise 2, where the ledger cannot
 * record. Promise 10: no is as easy as yes.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { grantHistory } from '#core/records/histories.ts'
import type {
  AccessRequestDetails,
  Decision,
  DecisionResult,
  GrantView,
  Grants,
  OpenRequests,
} from '#schemas/types.gen.ts'
import { accessRequest, ask, outcome, refresh, requestType } from '../../business.ts'
import { checkEverything } from '../../check-everything.ts'
import { decide } from '../../consent.ts'
import type { OpenedPage } from '../../consent.ts'
import { expectOk, Story } from '../../story.ts'
import type { Customer, Shop } from '../../story.ts'

/** Texts that would come out otherwise from a second coding, and a field of every form. */
const values = {
  profile: {
    name: 'Zoë "Zed" O’Quist \\ </script> \u{1F98A} Ünïcødé',
    birthDate: '1987-11-23',
    languages: ['cy', 'en-GB'],
  },
  contact: {
    email: 'zed.quist@quohog.example',
    address: { street: '7 Änger & Söhne', locality: 'Llanfairpwll', postalCode: 'LL61 5UJ', country: 'GB' },
  },
  diet: { allergies: ['tansy, raw', 'lovage'] },
}
const orders = 'dpv:CustomerOrderManagement'
const fitting = 'dpv:ServicePersonalisation'
const advertising = 'dpv:DirectMarketing'

let story: Story
let alma: Customer
let shop: Shop

beforeAll(async () => {
  story = await Story.open()
  alma = await story.customer(values)
  shop = await story.shop()
})
afterEach(() => checkEverything(story))
afterAll(() => story[Symbol.asyncDispose]())

function item(id: string, purpose: string, fields: string[], required = false) {
  return { id, purpose, fields, why: 'To do what you asked for.', required }
}

test('the values shown before the decision are the values released, byte for byte', async () => {
  const items = [
    item('all', orders, [
      'profile.name',
      'contact.address',
      'profile.ageOver18',
      'contact.country',
      'profile.languages',
      'diet.allergies',
      'contact.phone',
    ]),
  ]
  const page = await story.ask(alma, shop, { items })
  const shown = page.view.items[0]?.fields ?? []
  expect(shown.find(({ field }) => field === 'contact.phone')).toMatchObject({ missing: true })
  const decided = expectOk(await decide(alma.browser, page))
  const relation = await story.redeem(alma, shop, page, decided.body as DecisionResult)
  const fields = shown.map(({ field }) => field)
  const { text } = await story.read(relation, { fields })
  const expected = shown
    .filter(({ missing }) => missing !== true)
    .map(({ field, value }) => `${JSON.stringify(field)}:${JSON.stringify(value)}`)
  expect(expected).toHaveLength(6)
  expect(text).toContain(`"data":{${expected.join()}},"log":`)
  expect(JSON.parse(text).data).toMatchObject({
    'profile.name': values.profile.name,
    'contact.address': values.contact.address,
    'profile.ageOver18': true,
    'contact.country': 'GB',
  })
  // What an answer is worked out from does not leave with it.
  expect(text).not.toContain(values.profile.birthDate)
  await story.act(alma, relation, 'withdraw')
})

test('a grant never covers more than was asked, whatever the decision claims', async () => {
  const until = new Date(Date.now() + 30 * 86_400_000).toISOString()
  const items = [
    item('needed', orders, ['profile.name', 'contact.email'], true),
    item('extra', fitting, ['diet.allergies']),
  ]
  const page = await story.ask(alma, shop, { items, until })
  const whole = { id: 'needed', fields: ['profile.name', 'contact.email'] }
  for (const [answers, code] of [
    [{ items: [{ id: 'needed', fields: [...whole.fields, 'contact.phone'] }] }, 'invalid-input'],
    [{ items: [whole, { id: 'extra', fields: ['profile.name'] }] }, 'invalid-input'],
    [{ items: [whole, { id: 'other', fields: ['diet.diet'] }] }, 'invalid-input'],
    [{ items: [whole, whole] }, 'invalid-input'],
    [{ items: [whole], until: new Date(Date.parse(until) + 1).toISOString() }, 'invalid-input'],
    [{ items: [{ id: 'needed', fields: ['profile.name'] }] }, 'required-item-refused'],
    [{ items: [{ id: 'extra', fields: ['diet.allergies'] }] }, 'required-item-refused'],
    [{ items: [] }, 'nothing-selected'],
    [{ items: [whole], requestHash: 'A'.repeat(43) }, 'request-changed'],
  ] satisfies [Partial<Decision>, string][]) {
    const { status, body } = await decide(alma.browser, page, answers)
    expect([status >= 400, (body as { code: string }).code]).toEqual([true, code])
  }
  expect(((await alma.browser.get('/api/requests')).body as OpenRequests).requests).toHaveLength(1)
  expectOk(await decide(alma.browser, page, { items: [whole] }))
})

test('narrowing narrows: neither tokens nor purposes reach what was left out', async () => {
  const items = [
    item('orders', orders, ['profile.name', 'contact.email']),
    item('fit', fitting, ['contact.email', 'diet.allergies']),
    item('ads', advertising, ['contact.email', 'profile.name']),
  ]
  const until = new Date(Date.now() + 5 * 86_400_000).toISOString()
  const narrowed = {
    items: [
      { id: 'orders', fields: ['profile.name'] },
      { id: 'fit', fields: ['contact.email'] },
    ],
    until,
  }
  const relation = await story.allow(alma, shop, { details: { items }, answers: narrowed })
  const kept = [
    { id: 'orders', purpose: orders, fields: ['profile.name'] },
    { id: 'fit', purpose: fitting, fields: ['contact.email'] },
  ]
  expect(relation.tokens.granted).toMatchObject([{ items: kept, until }])
  expect((await alma.browser.get(`/api/grants/${relation.grantId}`)).body).toMatchObject({ until })

  const everything = [...new Set(items.flatMap(({ fields }) => fields))]
  const released = async (purpose: string): Promise<unknown> => {
    const { status, text } = await story.read(relation, { fields: everything, purpose })
    return status === 200 ? JSON.parse(text).data : JSON.parse(text).code
  }
  expect(await released(orders)).toEqual({ 'profile.name': values.profile.name })
  expect(await released(fitting)).toEqual({ 'contact.email': values.contact.email })
  expect(await released(advertising)).toBe('purpose-not-granted')

  const wider = [{ type: requestType, items: items.map(({ purpose, fields }) => ({ purpose, fields })) }]
  expect(await outcome(refresh(shop, relation.tokens.refreshToken, wider))).toMatch(/^400 /)
  const narrower = [{ type: requestType, items: [{ purpose: orders, fields: ['profile.name'] }] }]
  const token = (await refresh(shop, relation.tokens.refreshToken, narrower)).accessToken
  const beyond = await story.read(relation, { token, fields: ['contact.email'], purpose: fitting })
  expect(JSON.parse(beyond.text)).toMatchObject({ code: 'purpose-not-granted' })
  await story.act(alma, relation, 'withdraw')
})

const typesOf = async (thread: string) =>
  (await grantHistory(story.world.reach.ledger, thread)).map(({ ops }) => readFact(ops).type).toReversed()

test('the same decision again is the same answer, and another one is refused', async () => {
  const page = await story.ask(alma, shop)
  const first = expectOk(await decide(alma.browser, page))
  const { log } = story.world.reach.ledger
  const before = log.checkpoint()
  const again = await Promise.all([1, 2, 3].map(() => decide(alma.browser, page)))
  for (const { status, body } of again) expect({ status, body }).toEqual({ status: 200, body: first.body })
  const narrower = { items: [{ id: 'name', fields: ['profile.name'] }] }
  for (const answer of [narrower, deny(page)])
    expect(await send(page, answer)).toMatchObject({ status: 409, body: { code: 'request-decided' } })
  expect(log.checkpoint()).toBe(before)
  const relation = await story.redeem(alma, shop, page, first.body as DecisionResult)
  expect(await typesOf(relation.grantId)).toEqual(['granted', 'redeemed'])
  await story.act(alma, relation, 'withdraw')
})

test('on a full disk nothing leaves and nothing is decided; what was acknowledged is there after a restart', async () => {
  const other = await story.allow(alma, await story.shop())
  expect(await story.read(other)).toMatchObject({ status: 200 })
  const [page, undecided] = [await story.ask(alma, shop), await story.ask(alma, shop)]
  const first = expectOk(await decide(alma.browser, page))
  const result = first.body as DecisionResult
  const grant = await viewOf(result)
  // A job that is under way when the ledger stops is done again when its lease has run out, a minute later.
  await story.world.settle()
  const { adminUrl, ledger } = story.world.reach
  const before = ledger.log.checkpoint()
  try {
    await limitFileSize('0')
    for (let attempt = 1; attempt <= 3; attempt++) {
      const reply = await story.read(other)
      expect(reply.status).toBe(503)
      expect(JSON.parse(reply.text)).not.toHaveProperty('data')
      expect(reply.text).not.toContain(JSON.stringify(values.profile.name).slice(1, 6))
    }
    expect(await decide(alma.browser, undecided)).toMatchObject({ status: 503 })
    expect(await alma.browser.post(`/api/grants/${other.grantId}/pause`)).toMatchObject({ status: 503 })
    expect(ledger.log.checkpoint()).toBe(before)
    expect((await fetch(`${adminUrl}/health`)).status).toBe(503)
  } finally {
    await limitFileSize('unlimited')
  }
  // Room on the disk alone changes nothing: what was written is unknown until the ledger is opened anew.
  expect(await story.read(other)).toMatchObject({ status: 503 })

  await story.world.restart()
  expect(await story.read(other)).toMatchObject({ status: 200 })
  expect(await viewOf(result)).toEqual(grant)
  expect((await alma.browser.get(`/api/receipts/${result.receipt?.receiptId}`)).body).toEqual(result.receipt)
  expect(await send(page, {})).toMatchObject({ status: 200, body: first.body })
  expect(await send(page, deny(page))).toMatchObject({ status: 409, body: { code: 'request-decided' } })
  const relation = await story.redeem(alma, shop, page, result)
  expect(await story.read(relation)).toMatchObject({ status: 200 })
  expect(await typesOf(relation.grantId)).toEqual(['granted', 'redeemed', 'disclosed'])
  const inPod = await (await story.appOf(alma))(`${alma.container}receipts/${relation.receiptId}.jws`)
  expect(await inPod.text()).toBe(result.receipt?.jws)
  for (const one of [relation, other]) await story.act(alma, one, 'withdraw')
})

/** RLIMIT_FSIZE of this process, in bytes: its writes fail as on a full disk. Node ignores the signal that comes along. */
async function limitFileSize(bytes: string): Promise<void> {
  await promisify(execFile)('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`])
}

async function viewOf({ grantId }: DecisionResult): Promise<unknown> {
  const { asOf: _, ...view } = (await alma.browser.get(`/api/grants/${grantId}`)).body as GrantView
  return view
}

function deny({ view: { accountId, requestHash } }: OpenedPage): Decision {
  return { accountId, requestHash, decision: 'deny' }
}

/** A whole body for what is no allowance, else an allowance with parts replaced. */
function send(page: OpenedPage, answer: Partial<Decision>) {
  return answer.decision === undefined
    ? decide(alma.browser, page, answer)
    : alma.browser.post(`${page.path}/decision`, answer)
}

test.each([1, 2, 3])('of racing decisions one wins, whole (%i)', async () => {
  const page = await story.ask(alma, shop)
  const contenders = [{}, deny(page), { until: new Date(Date.now() + 86_400_000).toISOString() }, deny(page)]
  const answers = await Promise.all(contenders.map((answer) => send(page, answer)))
  const won = answers.filter(({ status }) => status === 200).map(({ body }) => body as DecisionResult)
  const [winner] = won
  for (const result of won) expect(result).toEqual(winner)
  // The two denials are one answer.
  expect(won).toHaveLength(winner?.status === 'refused' ? 2 : 1)
  for (const { status, body } of answers.filter((one) => one.status !== 200))
    expect([status, (body as { code: string }).code]).toEqual([409, 'request-decided'])

  const outcomes = (await typesOf(page.view.requestId)).filter((type) => type === 'refused')
  const all = ((await alma.browser.get('/api/grants')).body as Grants).grants
  const grants = all.filter(({ grantId }) => grantId === winner?.grantId)
  expect([outcomes.length, grants.length]).toEqual(winner?.status === 'refused' ? [1, 0] : [0, 1])
  for (const grant of grants) expectOk(await alma.browser.post(`/api/grants/${grant.grantId}/withdraw`))
})

test('refusing, narrowing, putting off, pausing and withdrawing take no more steps than allowing', async () => {
  const asked: Partial<AccessRequestDetails> = { items: [item('name', orders, ['profile.name'])] }
  /** Requests of the customer's browser from the business's link, or from her own list, to the end. */
  async function steps(act: (page: OpenedPage) => Partial<Decision>): Promise<number> {
    const pending = await ask(shop, accessRequest(asked))
    const before = alma.browser.jar.requests
    const { url } = await alma.browser.jar.follow(pending.url, ({ pathname }) =>
      pathname.startsWith('/consent/'),
    )
    const opened = expectOk(await alma.browser.post(`${url.pathname}/open`))
    const page = { path: url.pathname, view: opened.body } as OpenedPage
    // Nothing is ticked for her: what the page was told has no answer in it.
    expect(JSON.stringify(page.view)).not.toMatch(/"(selected|checked|default|granted|allowed)"/)
    expectOk(await send(page, act(page)))
    return alma.browser.jar.requests - before
  }
  async function stepsAfter(act: 'withdraw' | 'pause'): Promise<number> {
    const before = alma.browser.jar.requests
    const { grants } = expectOk(await alma.browser.get('/api/grants')).body as Grants
    const live = grants.find(({ state }) => state === 'waiting' || state === 'active')
    expectOk(await alma.browser.post(`/api/grants/${live?.grantId}/${act}`))
    return alma.browser.jar.requests - before
  }
  const allowing = await steps(() => ({}))
  expect(await stepsAfter('pause')).toBeLessThanOrEqual(allowing)
  expect(await steps(() => ({}))).toBe(allowing)
  expect(await stepsAfter('withdraw')).toBeLessThanOrEqual(allowing)
  expect(await steps((page) => ({ ...deny(page), decision: 'later' }))).toBeLessThanOrEqual(allowing)
  const soon = new Date(Date.now() + 60_000).toISOString()
  expect(await steps(() => ({ until: soon }))).toBeLessThanOrEqual(allowing)
  // Last, since it cannot be asked again for a while.
  expect(await steps(deny)).toBeLessThanOrEqual(allowing)
})

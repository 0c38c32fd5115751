/**
 * The reader's language on the whole of Reach: titles and purposes in replies, and the notice, which is recorded in the
 * language that the page showed.
 */
import { hash } from 'node:crypto'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { languages } from '#core/domain/category-file.ts'
import { noticeOf, noticeText } from '#core/domain/notice.ts'
import { purposesIn } from '#core/domain/purposes.ts'
import { day } from '#core/domain/times.ts'
import { readNotice } from '#core/records/notices.ts'
import { readRequest } from '#core/records/requests.ts'
import type {
  DecisionResult,
  GrantTerms,
  GrantView,
  ReceiptView,
  RequestView,
} from '../../schemas/types.gen.ts'
import { decide } from '../consent.ts'
import { loggedFacts } from '../logged-facts.ts'
import { Story, expectOk } from '../story.ts'
import type { Customer, Shop } from '../story.ts'

let story: Story
let alma: Customer
let shop: Shop

beforeAll(async () => {
  story = await Story.open()
  alma = await story.customer()
  shop = await story.shop()
})
afterAll(() => story?.[Symbol.asyncDispose]())

/** What the receipt says of the notice, and the text that is kept under its hash. */
async function shownBy(receiptId: string) {
  const { jws } = expectOk(await alma.browser.get(`/api/receipts/${receiptId}`)).body as ReceiptView
  const { 'dpv:hasRecordOfActivity': record } = decodeJwt(jws) as Record<string, Record<string, unknown>>
  const notice = record?.['dpv:hasNotice'] as Record<string, string>
  const noticeHash = String(notice['dct:identifier']).replace('sha-256:', '')
  const text = await readNotice(story.world.reach.ledger, noticeHash)
  return { language: notice['dct:language'], noticeHash, text }
}

test('every purpose has its own words in every language', () => {
  for (const language of languages) {
    const words = purposesIn(language)
    expect(new Set(words.map(({ title }) => title)).size).toBe(words.length)
    if (language === 'en') continue
    const english = new Map(purposesIn('en').map((purpose) => [purpose.id, purpose]))
    for (const { id, title, phrase } of words) {
      expect(title).not.toBe(english.get(id)?.title)
      expect(phrase).not.toBe(english.get(id)?.phrase)
    }
  }
})

test('a request names fields and purposes in the language of the page, and what is hashed stays the same', async () => {
  const { path, view } = await story.ask(alma, shop)
  const german = expectOk(await alma.browser.post(`${path}/open`, {}, { 'accept-language': 'de' }))
    .body as RequestView
  expect(german.requestHash).toBe(view.requestHash)
  expect(german.items[0]).toMatchObject({
    purposeTitle: 'Bestellungen bearbeiten',
    purposePhrase: 'Ihre Bestellungen zu bearbeiten',
    why: view.items[0]?.why,
    fields: [{ field: 'profile.name', title: 'Name', value: view.items[0]?.fields[0]?.value }],
  })
})

test.each(['de', 'ar'] as const)(
  'what is allowed on a page in %s is recorded in that language, word for word',
  async (language) => {
    const page = await story.ask(alma, await story.shop())
    const decided = expectOk(await decide(alma.browser, page, { language })).body as DecisionResult
    const request = await readRequest(story.world.reach.ledger, page.view.requestId)
    if (request === undefined) throw new Error('no request')
    const text = noticeText(noticeOf({ ...request.value, vendor: { name: page.view.vendor.name } }, language))
    const noticeHash = hash('sha256', text, 'base64url')
    expect(await shownBy(String(decided.receipt?.receiptId))).toEqual({ language, noticeHash, text })
    expect(text).toMatch(language === 'de' ? /möchte „Name“ lesen, um / : /ترغب .* في قراءة «/)
    const facts = await loggedFacts(story.world.reach.ledger)
    expect(facts.filter(({ fact }) => 'notice' in fact && fact.notice === noticeHash)).toHaveLength(1)
    // The same answer on a page in another language is the same answer.
    const again = expectOk(await decide(alma.browser, page, { language: 'en' })).body as DecisionResult
    expect(again.receipt?.receiptId).toBe(decided.receipt?.receiptId)
  },
)

test('a change is recorded in the language of its page, whatever the permission was given in', async () => {
  const { grantId } = await story.allow(alma, await story.shop(), { answers: { language: 'ar' } })
  const terms = expectOk(await alma.browser.get(`/api/grants/${grantId}/terms`)).body as GrantTerms
  const items = terms.grant.items.map(({ id, fields }) => ({ id, fields: fields.map(({ field }) => field) }))
  const until = new Date(Date.now() + 10 * day).toISOString()
  const changed = expectOk(
    await alma.browser.post(`/api/grants/${grantId}/change`, { items, until, language: 'de' }),
  ).body as GrantView
  const shown = await shownBy(changed.receiptId)
  expect(shown.language).toBe('de')
  expect(shown.text).toContain('"language":"de"')
  const body = { items, until, language: 'xx' }
  expect((await alma.browser.post(`/api/grants/${grantId}/change`, body)).status).toBe(400)
})

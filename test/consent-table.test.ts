/**
 * Where each rule of consent is shown: R at request, G at grant, A afterwards, D for what everybody must be able to do with a
 * decision page (WCAG, and the patterns of EDPB 03/2022), S for what keeps others out of it. What stands here must be found in the file named, so the table
 * cannot outlive its tests.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

type Place = readonly [file: string, ...titles: string[]]

const rules = 'browser/consent-rules'
const boundaries = 'flows/boundaries'
const consent = 'browser/consent'
const story = 'browser/story'
const languages = 'browser/languages'
const words = 'unit/app-messages'
const choices = 'unit/app-request'
const receipts = 'unit/domain-receipt'
const domain = 'properties/decision'
const terms = 'flows/terms'
const grants = 'flows/grants'
const reminders = 'flows/reminders'
const promise = 'flows/promises/decision'
const live = 'flows/promises/live-consent'

const table: Readonly<Record<string, readonly Place[]>> = {
  'R1 name, domain and contact without a click': [
    [rules, 'the first screen says who asks'],
    [consent, 'a business that has proven its domain', 'a business that has proven nothing'],
  ],
  'R2 purpose, fields with the values of today, how long, who else': [
    [rules, 'the first screen says who asks'],
    [promise, 'the values shown before the decision are the values released, byte for byte'],
  ],
  'R3 optional apart, and off': [
    [rules, 'nothing optional is ticked'],
    [choices, 'is nothing optional before anything is ticked'],
  ],
  'R4 nothing chosen, what was allowed before is marked': [
    [consent, 'a request of a business that may read already'],
    [promise, 'take no more steps than allowing'],
  ],
  'R5 Allow and Deny are equal': [[rules, 'Allow and Deny are equal']],
  'R6 deny all, and decide later, on record': [
    [story, 'denying and putting off work as well, each in one step'],
    [domain, 'can be no or later without a word more'],
    ['flows/oauth-later', 'a request that was put off stays on the list'],
  ],
  'R7 one neutral line after Deny': [[rules, 'Deny takes no more presses']],
  'R8 no word that hurries or shames, in no language, and no text that bypasses them': [
    [
      words,
      'holds no word that hurries, shames or promises without end',
      'no words stand in the pages themselves',
    ],
    [languages, 'in the pseudo-locale every text'],
  ],
  'R9 the text is made of the scope': [
    [rules, 'the sentence names what is, and nothing else'],
    [receipts, 'names every field that is asked for and no other'],
    ['unit/schemas', 'has every text in every language of the interface'],
  ],
  'R10 an end always, the shorter of what was asked and 90 days': [
    [domain, 'suggests the shorter of what was asked and 90 days', 'ends in the future, no later than asked'],
    [choices, 'a request for a year is met with'],
  ],
  'R11 what changes against an earlier permission': [
    [consent, 'says what it adds, takes away and prolongs'],
    [terms, 'shows what it adds and takes away'],
  ],
  'R12 not again inside the cool-off': [
    [boundaries, 'is turned away inside the cool-off'],
    [consent, 'what was denied is turned away the next time'],
    ['properties/boundary', 'test('],
  ],
  'R13 the notice is in the language of the page': [
    ['flows/languages', 'is recorded in that language, word for word'],
  ],
  'R14 no business needs a password': [[rules, 'that no password is needed']],
  'R15 recipients whom the terms do not bind, on the first screen': [
    [rules, 'the first screen says who asks'],
  ],
  'G1 nothing ticked is no permission': [[rules, 'is no permission: it is offered as Deny']],
  'G2 the summary says who, what, until when, how to stop': [[rules, 'what is allowed is said once more']],
  'G3 a receipt at once, and by a second way': [
    [rules, 'the receipt is there with the answer'],
    [grants, 'is signed, proven by the log, and put into the pod'],
  ],
  'G4 what the receipt holds': [
    [
      receipts,
      'says of every item what was given and what was refused',
      'has the header and record of ISO/IEC TS 27560',
    ],
  ],
  'G5 the notice that was shown is kept under its hash': [
    [receipts, 'has another text when anything that was shown differs'],
    ['flows/languages', 'is recorded in that language, word for word'],
  ],
  'G6 what was refused is on record by purpose': [
    [receipts, 'says of every item what was given and what was refused', 'of a refusal gives nothing'],
  ],
  'A1 two presses from the first page': [[rules, 'is one press away']],
  'A2 all of them, live and past': [
    [grants, 'grants come a page at a time when asked, and all of them when not'],
    [rules, 'withdrawing never takes more than allowing'],
  ],
  'A3 the state with its time, the last read, reads left': [
    [rules, 'is one press away'],
    [consent, 'how often it may read can be limited'],
  ],
  'A4 withdrawing in two presses, with deletion asked before': [
    [rules, 'withdrawing never takes more than allowing'],
    [consent, 'withdrawing asks for deletion only when ticked'],
    [promise, 'take no more steps than allowing'],
  ],
  'A5 nothing is read from the commit on, also under open tokens': [
    [live, 'withdrawn: the token that is still valid', 'expired: unavailable from its end on'],
    ['flows/race', 'no disclosure stands in the log after the end of its grant'],
  ],
  'A6 listed until it is acknowledged': [
    ['flows/acknowledgement', 'the business signs that it stopped', 'lateness shows'],
    [rules, 'withdrawing never takes more than allowing'],
  ],
  'A7 a reminder every 90 days': [[reminders, 'what goes on is recalled every 90 days']],
  'A8 told 7 days before its end, which comes by itself': [
    [reminders, 'told before its end'],
    [live, 'expired: unavailable from its end on'],
  ],
  'A9 withdrawing does not erase copies': [[rules, 'withdrawing never takes more than allowing']],
  'A10 nobody else sees the list': [
    [grants, 'are there for nobody else'],
    ['flows/promises/privacy', 'leaves no trace of herself but in her pod and in replies'],
  ],
  'A11 attempts and refusals are visible, with reasons': [
    [boundaries, 'is turned away inside the cool-off, shown to her'],
    ['flows/activity-search', 'with how often, in which hour and why'],
    [consent, 'what was denied is turned away the next time'],
  ],
  'D1 by keyboard alone': [
    [rules, 'is reached with the Tab key alone'],
    [story, 'the whole story on a phone, from the first page to leaving, by keyboard alone'],
  ],
  'D2 at 200 % and more nothing is lost, nothing moves for who asked for less, by day and by night, on every page':
    [
      [rules, 'nothing is cut off or lost at 200 %'],
      [languages, 'and no page has a barrier'],
    ],
  'D3 what a screen reader is told, on every page and by live regions': [
    [rules, 'a screen reader is told the decision page', 'the sentence names what is'],
    [languages, 'and no page has a barrier'],
  ],
  'D4 no more steps for no than for yes': [
    [rules, 'withdrawing never takes more than allowing', 'Deny takes no more presses'],
  ],
  'S1 nothing that another site sends counts (two real sites)': [
    ['browser/two-sites', 'what a script of another site sends', 'a form of another site'],
    ['flows/session-hostile', 'a request of another site, or of no page at all, changes nothing'],
  ],
  'S2 a session id that was there before is worth nothing': [
    ['flows/session', 'a session id that was there before the sign-in is worth nothing afterwards'],
  ],
  'S3 no page shows in a frame': [
    ['browser/two-sites', 'no page of the vault shows in a frame'],
    ['flows/session-hostile', 'pages and answers carry the headers that keep others out'],
  ],
  'S4 no address leads out that is not the business’s own': [
    ['unit/app-screens', 'to come back to stays in this app', 'is followed only when it is one of the web'],
    ['flows/session-hostile', 'an authorization page at %s is not opened'],
    ['flows/oauth-later', 'leads nobody to an address that the business has given up since'],
  ],
  'S5 an answer of another issuer signs nobody in': [
    [
      'flows/session-hostile',
      'a code of an honest issuer never reaches the one that sent the browser on to it',
    ],
    ['flows/session', 'an answer of another issuer, to another browser, or a second time signs nobody in'],
  ],
  'S6 nobody answers a request of somebody else, and no tab shows somebody else’s': [
    ['flows/oauth-decision', 'nobody else opens or answers it'],
    ['browser/offline', 'goes with the one it belongs to, in every tab'],
  ],
  'S7 words and logo of a business imitate, run and load nothing': [
    ['unit/domain-rules', 'words of a business'],
    ['unit/logo', 'test('],
    [consent, 'with its logo from our own origin'],
  ],
  'S8 a passkey decides, and reaches nothing that lies in the pod': [
    [
      'flows/session-table',
      'every operation has its row',
      'nobody and a passkey get as far as the table says',
    ],
    ['browser/visits', 'all values in one archive take the pod’s sign-in'],
  ],
  'S9 who leaves is forgotten, whatever was on its way': [
    ['flows/leave', 'who leaves is forgotten'],
    ['flows/leave-races', 'that was on its way leaves no row behind'],
  ],
  'D5 a decision that waits is not called one': [
    ['browser/offline', 'a withdrawal waits, says that it is not in effect'],
  ],
}

const text = (file: string) => readFileSync(join(import.meta.dirname, `${file}.test.ts`), 'utf8')
const missing = (places: readonly Place[]) =>
  places.flatMap(([file, ...titles]) => titles.filter((title) => !text(file).includes(title)))

test.each(Object.entries(table))('%s', (_rule, places) => {
  expect(missing(places)).toEqual([])
})

test('no rule is left out', () => {
  const numbers = (letter: string) =>
    Object.keys(table).flatMap((rule) => (rule.startsWith(letter) ? [Number.parseInt(rule.slice(1))] : []))
  const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
  expect(numbers('R')).toEqual(upTo(15))
  expect(numbers('G')).toEqual(upTo(6))
  expect(numbers('A')).toEqual(upTo(11))
})

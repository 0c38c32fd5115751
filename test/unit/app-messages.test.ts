import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from '@formatjs/icu-messageformat-parser'
import { parseSync } from 'vite'
import { describe, expect, test } from 'vitest'
import { factTypes } from '#core/domain/facts.ts'
import { problems } from '#core/http/problem.ts'

const app = join(import.meta.dirname, '../../consent-app')
const folder = join(app, 'messages')
const languages = readdirSync(folder).filter((name) => name.endsWith('.json'))
const textsOf = (name: string, place = folder): Record<string, string> =>
  JSON.parse(readFileSync(join(place, name), 'utf8'))
const en = textsOf('en.json')

/** The app's own texts, the auditor's, and those of the page that checks receipts. */
const sets = ['messages', 'pages/audit/messages', 'checker/words'].flatMap((place) =>
  languages.map((name) => ({ place, name })),
)

const sources = readdirSync(app, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.d.ts'))
  .map((name) => ({ name, text: readFileSync(join(app, name), 'utf8') }))

/**
 * Words that hurry, shame, flatter or promise without end (consent-ux R8, R10 and its wording rules), per
 * language. A language without a list fails below.
 */
const forbidden: Readonly<Record<string, readonly RegExp[]>> = {
  'en.json': [
    /\bforever\b/i,
    /\balways\b/i,
    /\bunlimited\b/i,
    /\bwe value\b/i,
    /\bare you sure\b/i,
    /\bmiss(ing)? out\b/i,
    /\blimited time\b/i,
    /\bno thanks\b/i,
    /\bi prefer\b/i,
    /\bhurry\b/i,
    /\bnow or never\b/i,
    /\blast chance\b/i,
    /\bonly today\b/i,
    /\b(sad|sorry) to see you\b/i,
    /\b(best|better|full|improved|enhanced) experience\b/i,
    /\byou will lose\b/i,
    /\bdon[’']t you want\b/i,
    /\brecommended\b/i,
    /\bcontinue\b/i,
    /\bmanage options\b/i,
    /\bsimply\b/i,
    /\bjust (click|allow|accept)\b/i,
    /\bnot\b[^.]*\bwithout\b[^.]*\bnot\b/i,
    /!/,
  ],
  'de.json': [
    /\bfür immer\b/i,
    /\bimmer\b/i,
    /\bewig/i,
    /\bunbegrenzt/i,
    /\bunbeschränkt/i,
    /\bwir schätzen\b/i,
    /\bsind sie (sich )?sicher\b/i,
    /\bverpass/i,
    /\bnur (heute|kurze zeit|noch heute)\b/i,
    /\bbeeil/i,
    /\bjetzt oder nie\b/i,
    /\bletzte chance\b/i,
    /\bschade\b/i,
    /\bleider\b/i,
    /\bnein danke\b/i,
    /\b(beste|bessere|volle|optimale)[smnr]? (erlebnis|erfahrung)/i,
    /\bsie verlieren\b/i,
    /\bwollen sie (wirklich )?nicht\b/i,
    /\bempfohlen|empfehl/i,
    /\bakzeptieren\b/i,
    /\balle(s)? zustimmen\b/i,
    /\beinfach (nur )?(klicken|erlauben|zustimmen)\b/i,
    /\b(du|dein|deine|dich|dir)\b/i,
    /!/,
  ],
  'ar.json': [
    /للأبد|إلى الأبد/,
    /دائم[اً]/,
    /غير محدود/,
    /بلا حدود/,
    /نُ?قدّ?ر خصوصيتك/,
    /هل أنت متأكد/,
    /لا تفو[ّ]?ت/,
    /تفوتك/,
    /لفترة محدودة/,
    /اليوم فقط/,
    /الآن أو أبدًا/,
    /الفرصة الأخيرة|آخر فرصة/,
    /أسرع/,
    /للأسف/,
    /يؤسفنا|يحزننا/,
    /لا شكرًا/,
    /(أفضل|أحسن) تجربة|تجربة (أفضل|كاملة|محسنة)/,
    /ستخسر/,
    /موصى به|يُنصح|ننصح/,
    /ببساطة/,
    /أوافق على الكل|قبول الكل/,
    /!/,
  ],
}

describe.each(sets)('$place/$name', ({ place, name }) => {
  const texts = textsOf(name, join(app, place))
  const english = textsOf('en.json', join(app, place))

  test('has exactly the texts of English, each a well-formed message with the same arguments', () => {
    expect(Object.keys(texts).toSorted()).toEqual(Object.keys(english).toSorted())
    for (const [id, text] of Object.entries(texts))
      expect(argumentsOf(text), id).toEqual(argumentsOf(english[id] ?? ''))
  })

  test('holds no word that hurries, shames or promises without end', () => {
    const words = forbidden[name] ?? []
    expect(words.length).toBeGreaterThan(10)
    const found = Object.entries(texts).flatMap(([id, text]) =>
      words.filter((word) => word.test(text)).map((word) => `${id}: ${word}`),
    )
    expect(found).toEqual([])
  })

  test('has every form that its plurals need', () => {
    const forms = new Intl.PluralRules(name.replace('.json', '')).resolvedOptions().pluralCategories
    const lacking = Object.entries(texts).flatMap(([id, text]) =>
      pluralsOf(text)
        .filter((there) => !forms.every((form) => there.includes(form) || isSaidByNumber(form, there)))
        .map((there) => `${id}: ${there.join(' ')}`),
    )
    expect(lacking).toEqual([])
  })

  test('leaves nothing in English but names and examples', () => {
    if (name === 'en.json') return
    const same = Object.keys(english).filter((id) => texts[id] === english[id] && !isTheSame.test(id))
    expect(same).toEqual([])
  })

  test('says the two answers in one word each, the same everywhere', () => {
    if (place !== 'messages') return
    expect(texts['decision.allow']).toMatch(/^\p{L}+$/u)
    expect(texts['decision.deny']).toMatch(/^\p{L}+$/u)
  })
})

/** Names, and what is made of arguments alone. */
const isTheSame =
  /^(app\.name|activity\.other|conditions\.recipient|value\.named|link\.code|settings\.(name|webid)|business\.who\.website|sessions\.(browser|system)\..*|passkeys\.title|receipt\.dialect\..*|welcome\.example\..*)$/

/** A form is not needed where the only number that takes it has a text of its own. */
function isSaidByNumber(form: string, there: readonly string[]): boolean {
  return form === 'one' && there.length === 2 && there.includes('=0') && there.includes('other')
}

/** The forms of each plural of a message. */
function pluralsOf(text: string): string[][] {
  const found: string[][] = []
  walkElements(parse(text), (element) => {
    if (element['pluralType'] !== undefined) found.push(Object.keys(element['options'] as object))
  })
  return found
}

/** The calls of `text` and `rich` that spell their id, and ids in tables and conditions. */
function idsIn(text: string): string[] {
  return [...text.matchAll(/'([a-z][\w-]*(?:\.[\w-]+)+)'/g)].map(([, id = '']) => id)
}

test('every text of English is used, and every id that is used exists', () => {
  const spelled = sources.flatMap(({ text }) => idsIn(text))
  const families = sources.flatMap(({ text }) =>
    [...text.matchAll(/`([a-z][\w.-]*\.)\$\{/g)].map(([, family = '']) => family),
  )
  const unused = Object.keys(en).filter(
    (id) => !spelled.includes(id) && !families.some((family) => id.startsWith(family)),
  )
  expect(unused).toEqual([])
  const heads = new Set(Object.keys(en).map((id) => id.slice(0, id.indexOf('.') + 1)))
  const missing = spelled.filter(
    (id) => heads.has(id.slice(0, id.indexOf('.') + 1)) && !Object.hasOwn(en, id) && !isNoText(id),
  )
  expect(missing).toEqual([])
})

/** Names that look like ids of texts and are fields of the catalogue, files or storage. */
function isNoText(id: string): boolean {
  return /\.(tsx?|json|css)$/.test(id) || /^(contact|profile|sizes|diet|contact-rules)\./.test(id)
}

test('every refusal of the vault and every fact of the log has its words', () => {
  const ofBusinesses = [
    'digest-mismatch',
    'endpoint-not-proven',
    'unsupported-media-type',
    'method-not-allowed',
    'invalid-token',
    'invalid-proof',
    'use-dpop-nonce',
    'insufficient-scope',
    'subject-unavailable',
    'purpose-not-granted',
    'unknown-field',
  ]
  const silent = Object.keys(problems).filter((code) => !Object.hasOwn(en, `problem.${code}`))
  expect(silent.toSorted()).toEqual(ofBusinesses.toSorted())
  const facts = factTypes.filter((type) => !/^(?:vendor|auditor|log|signing-key)-/.test(type))
  for (const family of ['activity', 'verify.said'])
    expect(facts.filter((type) => !Object.hasOwn(en, `${family}.${type}`))).toEqual([])
})

test('no words stand in the pages themselves but a name that is the same in all languages', () => {
  const name = en['app.name'] ?? ''
  expect(languages.map((file) => textsOf(file)['app.name'])).toEqual(languages.map(() => name))
  const found = sources
    .filter((source) => source.name.endsWith('.tsx'))
    .flatMap((source) =>
      literalsOf(source.name, source.text)
        .filter((literal) => literal !== name)
        .map((literal) => `${source.name}: ${literal}`),
    )
  expect(found).toEqual([])
})

test('a word that stands in a page is found', () => {
  expect(literalsOf('a.tsx', 'const a = <p title="Hello you">Bye {x}</p>')).toEqual(['Hello you', 'Bye'])
})

/** Text between tags, and attributes that people read or hear. */
function literalsOf(name: string, text: string): string[] {
  const { program, errors } = parseSync(name, text, { lang: 'tsx' })
  expect(errors).toEqual([])
  const found: string[] = []
  walk(program, (node) => {
    if (node['type'] === 'JSXText') found.push(String(node['value']).trim())
    if (node['type'] !== 'JSXAttribute') return
    const attribute = node['name'] as Node
    const value = node['value'] as Node | null
    const isRead = /^(title|alt|label|placeholder|description|aria-(label|description))$/.test(
      String(attribute['name']),
    )
    if (isRead && value?.['type'] === 'Literal') found.push(String(value['value']))
  })
  return found.filter((literal) => /\p{L}{2}/u.test(literal))
}

type Node = Readonly<Record<string, unknown>>

function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) for (const part of value) walk(part, visit)
  else if (typeof value === 'object' && value !== null) {
    const node = value as Node
    if (typeof node['type'] === 'string') visit(node)
    for (const part of Object.values(node)) walk(part, visit)
  }
}

/** Names of the arguments and tags of a message. */
function argumentsOf(text: string): string[] {
  const names = new Set<string>()
  // Literal and `#` have no name of their own.
  walkElements(parse(text), ({ type, value }) => {
    if (Number(type) > 0 && typeof value === 'string') names.add(value)
  })
  return [...names].toSorted()
}

function walkElements(value: unknown, visit: (element: Node) => void): void {
  if (Array.isArray(value)) for (const part of value) walkElements(part, visit)
  else if (typeof value === 'object' && value !== null) {
    const element = value as Node
    if (typeof element['type'] === 'number') visit(element)
    for (const part of Object.values(element)) walkElements(part, visit)
  }
}

/** The page that checks receipts from a file of the customer's own: no server, no network, nothing kept. */
import type { ItemTerms, ReceiptTerms } from '#core/domain/receipt-terms.ts'
import { checkReceipt } from './check-receipt.ts'
import type { Checked } from './check-receipt.ts'
import './checker.css'
import { MAX_BYTES, take } from './given-files.ts'
import type { FileKind, GivenFiles } from './given-files.ts'
import { chooseLanguage, languages, say } from './words.ts'
import type { LanguageTag, WordId } from './words.ts'

/** What the vault wrote into the file when it was saved. */
interface Origin {
  readonly vault: string
  readonly vkey: string
  readonly keys: readonly JsonWebKey[]
  /** RFC 3339. */
  readonly savedAt: string
}

const origin = JSON.parse(element('origin').textContent) as Origin | null
let language: LanguageTag = chooseLanguage(navigator.languages)
let given: GivenFiles = { keys: origin?.keys ?? [], vkeys: origin === null ? [] : [origin.vkey] }
const named: { name: string; kind: FileKind | 'none' | 'large' }[] = []
let checked: Checked | undefined

const text = (id: WordId, values?: Record<string, string | number>) => say(language, id, values)

/** What fits other keys than those this page came with is worth what the place is worth that they come from. */
function areKeysOwn(): boolean {
  const isOwn = ({ x, y }: JsonWebKey) => origin?.keys.some((own) => own.x === x && own.y === y) === true
  return given.vkeys.every((vkey) => vkey === origin?.vkey) && given.keys.every(isOwn)
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no ${id}`)
  return found
}

/** Everything is text: nothing of a file becomes markup. */
function make(
  tag: string,
  content: string | readonly (Node | string)[] = [],
  set: Record<string, string> = {},
) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(set)) made.setAttribute(name, value)
  made.append(...(typeof content === 'string' ? [content] : content))
  return made
}

function moment(at: string, style: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(languages[language].formats, style).format(new Date(at))
}

const whole = { dateStyle: 'long', timeStyle: 'short' } as const

function show(): void {
  const { direction } = languages[language]
  document.documentElement.lang = language
  document.documentElement.dir = direction
  document.title = `${text('title')} · Reach`
  for (const place of document.querySelectorAll<HTMLElement>('[data-text]'))
    place.textContent = text(place.dataset['text'] as WordId)
  element('files').replaceChildren(
    ...named.map(({ name, kind }) =>
      make('li', [make('bdi', name), ' ', make('span', text(`kind.${kind}`), { class: 'soft' })]),
    ),
  )
  element('given').hidden = named.length === 0
  showKeys()
  showResult()
}

function showKeys(): void {
  const words =
    origin === null || !areKeysOwn()
      ? text(areKeysOwn() ? 'keys.none' : 'keys.given')
      : text('keys.own', { vault: origin.vault, date: moment(origin.savedAt, { dateStyle: 'long' }) })
  const parts: Node[] = [make('p', words)]
  for (const vkey of given.vkeys)
    parts.push(make('p', [text('keys.log'), ' ', make('code', vkey, { dir: 'ltr' })]))
  element('keys').replaceChildren(...parts)
}

function showResult(): void {
  const verdict = element('verdict')
  if (checked === undefined) {
    verdict.replaceChildren(make('p', text('wait.receipt')))
    verdict.dataset['verdict'] = 'none'
    element('checked').hidden = true
    element('says').hidden = true
    return
  }
  const { verdict: found, steps, terms, place } = checked
  const told = found === 'genuine' && !areKeysOwn() ? 'given' : found
  verdict.dataset['verdict'] = told === 'given' ? 'unsettled' : found
  verdict.replaceChildren(make('h2', text(`verdict.${told}`)), make('p', text(`verdict.${told}.body`)))
  element('steps').replaceChildren(
    ...steps.map(({ name, state, why }) =>
      make(
        'li',
        [
          make('strong', `${text(`state.${state}`)}.`),
          ' ',
          text(`${name}.${state}`, place),
          ...(why === undefined ? [] : [make('code', why, { lang: 'en', dir: 'ltr' })]),
        ],
        { 'data-state': state },
      ),
    ),
  )
  element('checked').hidden = false
  element('says').hidden = terms === undefined
  if (terms !== undefined) showTerms(terms, found)
}

function showTerms(terms: ReceiptTerms, verdict: Checked['verdict']): void {
  const pairs: [WordId, string | undefined][] = [
    ['says.business', terms.business.name],
    ['says.day', moment(terms.issuedAt, whole)],
    ['says.until', terms.until && moment(terms.until, whole)],
    ['says.vault', terms.vault],
    ['says.number', terms.receiptId],
  ]
  element('facts').replaceChildren(
    ...pairs.flatMap(([id, value]) =>
      value === undefined ? [] : [make('dt', text(id)), make('dd', [make('bdi', value)])],
    ),
  )
  const isAny = terms.items.some(({ given: fields }) => fields.length > 0)
  element('items').replaceChildren(
    ...(isAny ? [] : [make('p', text('says.refused-all'))]),
    ...terms.items.map(itemOf),
  )
  element('unproven').hidden = verdict === 'genuine'
}

function itemOf({ why, purpose, given: fields, refused }: ItemTerms): HTMLElement {
  const list = (id: WordId, data: ItemTerms['given']) =>
    data.length === 0
      ? []
      : [
          make('p', [
            make('strong', `${text(id)}: `),
            make('bdi', data.map(({ field, more }) => String(more['dct:title'] ?? field)).join(', '), {
              lang: 'en',
            }),
          ]),
        ]
  return make('section', [
    make('blockquote', [make('bdi', why)]),
    ...list('says.given', fields),
    ...list('says.refused', refused),
    make('p', [make('code', purpose, { dir: 'ltr' })], { class: 'soft' }),
  ])
}

async function takeFiles(files: Iterable<File>): Promise<void> {
  for (const file of [...files].slice(0, 20)) {
    const taken = file.size > MAX_BYTES ? undefined : take(await file.text(), given)
    if (taken !== undefined) given = taken.given
    named.push({ name: file.name, kind: taken?.kind ?? (file.size > MAX_BYTES ? 'large' : 'none') })
  }
  const { receipt } = given
  checked = receipt === undefined ? undefined : await checkReceipt({ ...given, receipt })
  show()
}

const input = element('input') as HTMLInputElement
input.addEventListener('change', () => {
  void takeFiles([...(input.files ?? [])])
  // The same file may be chosen again, once it was changed.
  input.value = ''
})
const drop = element('drop')
for (const name of ['dragover', 'drop'])
  document.addEventListener(name, (event) => {
    // A file dropped beside the place would take the page away.
    event.preventDefault()
  })
for (const [name, isOver] of [
  ['dragover', true],
  ['dragleave', false],
  ['drop', false],
] as const)
  drop.addEventListener(name, () => drop.classList.toggle('over', isOver))
drop.addEventListener('drop', ({ dataTransfer }) => void takeFiles([...(dataTransfer?.files ?? [])]))

const select = element('language') as HTMLSelectElement
select.append(
  ...Object.entries(languages).map(([tag, { name }]) => make('option', name, { value: tag, lang: tag })),
)
select.value = language
select.addEventListener('change', () => {
  language = select.value as LanguageTag
  show()
})
show()

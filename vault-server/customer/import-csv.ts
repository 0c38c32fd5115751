import Papa from 'papaparse'
import { findField } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import type { Found } from './import-vcard.ts'

const maxColumns = 500

/** Columns as address books name them; ours are the ids of fields, with a dot for a part: `contact.address.street`. */
const known: Readonly<Record<string, string>> = {
  name: 'profile.name',
  'full name': 'profile.name',
  'display name': 'profile.name',
  'first name': 'given',
  'given name': 'given',
  'last name': 'family',
  'family name': 'family',
  surname: 'family',
  birthday: 'profile.birthDate',
  'birth date': 'profile.birthDate',
  'date of birth': 'profile.birthDate',
  language: 'profile.languages',
  languages: 'profile.languages',
  email: 'contact.email',
  'e-mail': 'contact.email',
  'e-mail address': 'contact.email',
  'email address': 'contact.email',
  'e-mail 1 - value': 'contact.email',
  phone: 'contact.phone',
  telephone: 'contact.phone',
  'mobile phone': 'contact.phone',
  'primary phone': 'contact.phone',
  'phone 1 - value': 'contact.phone',
  street: 'contact.address.street',
  'street address': 'contact.address.street',
  'home street': 'contact.address.street',
  'address 1 - street': 'contact.address.street',
  city: 'contact.address.locality',
  'home city': 'contact.address.locality',
  'address 1 - city': 'contact.address.locality',
  region: 'contact.address.region',
  state: 'contact.address.region',
  'home state': 'contact.address.region',
  'address 1 - region': 'contact.address.region',
  'postal code': 'contact.address.postalCode',
  postcode: 'contact.address.postalCode',
  zip: 'contact.address.postalCode',
  'home postal code': 'contact.address.postalCode',
  'address 1 - postal code': 'contact.address.postalCode',
  country: 'contact.address.country',
  'home country/region': 'contact.address.country',
  'address 1 - country': 'contact.address.country',
}

/**
 * A table of one person: a line of names and a line of values, or the two columns `field` and `value`. Several values of a list
 * are separated by semicolons. Refuses with `invalid-input` what is no such table.
 */
export function readCsv(text: string): { found: Found[]; passedOver: number } {
  const { data, errors } = Papa.parse<string[]>(text.replace(/^\uFEFF/, ''), {
    skipEmptyLines: 'greedy',
    preview: maxColumns + 2,
  })
  const [head = [], ...rows] = data
  if (errors.some(({ type }) => type === 'Quotes') || head.length === 0)
    throw refused('The file is no table of comma-separated values')
  if (head.length > maxColumns || rows.length > maxColumns) throw refused('The table is too large')
  const isPairs = head.length === 2 && head.map(plain).join() === 'field,value'
  if (!isPairs && rows.length !== 1)
    throw refused(
      `The table has ${rows.length} people in it. Keep the line of names and the one line that is you.`,
    )
  const cells = isPairs
    ? rows.map(([name = '', value = '']) => [name, value] as const)
    : head.map((name, i) => [name, rows[0]?.[i] ?? ''] as const)
  return fieldsOf(cells.filter(([, value]) => value.trim() !== ''))
}

const plain = (name: string): string => name.trim().toLowerCase()

function fieldsOf(cells: readonly (readonly [name: string, value: string])[]) {
  const values = new Map<string, unknown>()
  const name: { given?: string; family?: string } = {}
  let passedOver = 0
  for (const [column, cell] of cells) {
    const place = Object.hasOwn(known, plain(column)) ? known[plain(column)] : column.trim()
    const [, field = '', part] = /^([a-z-]+\.[A-Za-z0-9]+)(?:\.([A-Za-z0-9]+))?$/.exec(place ?? '') ?? []
    const found = findField(field)
    const value = cell.trim()
    if (place === 'given' || place === 'family') name[place] = value
    else if (found?.kind !== 'stored' || values.has(place ?? '')) passedOver++
    else if (part !== undefined)
      values.set(field, Object.fromEntries([...entriesOf(values.get(field)), [part, value]]))
    else values.set(field, typed(value, found.schema))
  }
  const joined = [name.given, name.family].filter((one) => one !== undefined).join(' ')
  if (joined !== '' && !values.has('profile.name')) values.set('profile.name', joined)
  return { found: [...values].map(([field, value]) => ({ field, value })), passedOver }
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : []
}

/** In the form of the field; what does not fit stays text, and is refused as the field's schema says. */
function typed(text: string, { type }: Readonly<Record<string, unknown>>): unknown {
  if (type === 'array')
    return text
      .split(';')
      .map((one) => one.trim())
      .filter((one) => one !== '')
  if (type === 'boolean' && /^(?:true|yes|false|no)$/i.test(text)) return /^(?:true|yes)$/i.test(text)
  if ((type === 'number' || type === 'integer') && /^-?\d+(?:\.\d+)?$/.test(text)) return Number(text)
  return text
}

function refused(detail: string): DomainError {
  return new DomainError('invalid-input', detail)
}

import ICAL from 'ical.js'
import { DomainError } from '#core/domain/errors.ts'

/** A value of a file and the field it would go to; a value that has the wrong form is found out by the field's schema. */
export interface Found {
  readonly field: string
  readonly value: unknown
  /** Why it cannot be read. */
  readonly why?: string
}

const maxProperties = 500
/** Parameters and parts of values, all together: the time that reading takes grows with their square. */
const maxParts = 20_000
/** Of the card itself: they say nothing about the person. */
const technical = new Set(['version', 'fn', 'n', 'prodid', 'rev', 'uid', 'kind', 'profile'])

/**
 * One card of vCard 2.1, 3.0 or 4.0 (RFC 6350) as fields of the catalogue; of several addresses the preferred one, else the first.
 * Refuses with `invalid-input` what is no card, and a file with several: only one of them is hers.
 */
export function readVcard(text: string): { found: Found[]; passedOver: number } {
  if (text.split(/[;,]/).length > maxParts) throw refused('The card has too many parts')
  const cards = parse(modern(text))
  const [card, ...others] = cards
  if (card === undefined || others.length > 0)
    throw refused(`The file holds ${cards.length} cards. Export the one card that is you.`)
  const properties = card.getAllProperties()
  if (properties.length > maxProperties) throw refused('The card has too many lines')
  const best = (name: string) => preferred(properties.filter((one) => one.name === name))
  const found: Found[] = []
  const add = (field: string, value: unknown) => {
    if (value !== undefined && value !== '') found.push({ field, value })
  }
  add('profile.name', textOf(best('fn')) ?? nameOf(best('n')))
  add('profile.birthDate', dateOf(textOf(best('bday'))))
  add('profile.picture', pictureOf(best('photo')))
  const languages = properties.filter(({ name }) => name === 'lang').flatMap((one) => textOf(one) ?? [])
  if (languages.length > 0) add('profile.languages', [...new Set(languages)])
  add('contact.email', textOf(best('email'))?.replace(/^mailto:/i, ''))
  add('contact.phone', textOf(best('tel'))?.replace(/^tel:/i, ''))
  add('contact.address', addressOf(best('adr')))
  const used = new Set(['bday', 'photo', 'lang', 'email', 'tel', 'adr'])
  const taken = new Set([...used].map(best))
  const passedOver = properties.filter(
    (one) => !technical.has(one.name) && !taken.has(one) && one.name !== 'lang',
  ).length
  return { found, passedOver }
}

function parse(text: string): ICAL.Component[] {
  try {
    const parsed: unknown = ICAL.parse(text)
    const cards = (Array.isArray((parsed as unknown[])[0]) ? parsed : [parsed]) as unknown[][]
    return cards.map((card) => new ICAL.Component(card as never)).filter(({ name }) => name === 'vcard')
  } catch (cause) {
    throw refused('The file is no vCard', cause)
  }
}

/** Lowest PREF of 4.0, else TYPE=pref of the versions before, else the first. */
function preferred(properties: readonly ICAL.Property[]): ICAL.Property | undefined {
  const rank = (one: ICAL.Property): number => {
    const pref = Number(one.getFirstParameter('pref') ?? Number.NaN)
    if (Number.isFinite(pref)) return pref
    const types = [one.getParameter('type') ?? []].flat().map((type) => String(type).toLowerCase())
    return types.includes('pref') ? 50 : 100
  }
  return properties.toSorted((one, other) => rank(one) - rank(other))[0]
}

function textOf(property: ICAL.Property | undefined): string | undefined {
  const value: unknown = property?.getFirstValue()
  if (value === undefined || value === null) return undefined
  return (Array.isArray(value) ? value.flat().join(' ') : String(value)).trim()
}

function partsOf(property: ICAL.Property | undefined): string[] {
  const value: unknown = property?.getFirstValue()
  const parts = Array.isArray(value) ? (value as unknown[]) : String(value ?? '').split(';')
  return parts.map((part) => [part].flat().map(String).join(', ').trim())
}

/** Family, given, additional, prefixes, suffixes. */
function nameOf(property: ICAL.Property | undefined): string | undefined {
  const [family = '', given = '', additional = ''] = partsOf(property)
  return [given, additional, family].filter((part) => part !== '').join(' ') || undefined
}

/** A day with its year; `19870123` of older files, too. What has no year stays as it is, and cannot be read. */
function dateOf(text: string | undefined): string | undefined {
  const [, year, month, day] = /^(\d{4})-?(\d{2})-?(\d{2})(?:T.*)?$/.exec(text ?? '') ?? []
  return year === undefined ? text : `${year}-${month}-${day}`
}

/** Post office box, extended, street, locality, region, postal code, country. */
function addressOf(property: ICAL.Property | undefined): Record<string, string> | undefined {
  if (property === undefined) return undefined
  const [box = '', extended = '', street = '', locality = '', region = '', postalCode = '', country = ''] =
    partsOf(property)
  const parts = {
    street: [street, extended, box].filter((part) => part !== '').join(', '),
    locality,
    region,
    postalCode,
    country: country.length === 2 ? country.toUpperCase() : country,
  }
  const given = Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== ''))
  return Object.keys(given).length === 0 ? undefined : given
}

function pictureOf(property: ICAL.Property | undefined): string | undefined {
  const text = textOf(property)
  if (property === undefined || text === undefined) return undefined
  if (/^data:/i.test(text)) return text
  const type = String(property.getFirstParameter('type') ?? 'jpeg').toLowerCase()
  // An address of a picture elsewhere is nothing that could be kept.
  return property.getFirstParameter('encoding') === undefined ? text : `data:image/${type};base64,${text}`
}

/** vCard 2.1 in the form of 3.0: parameters with a name, and no quoted-printable, neither of which ical.js reads. */
function modern(text: string): string {
  const unix = text.replaceAll(/\r\n?/g, '\n')
  if (!/^VERSION:2\.1\s*$/im.test(unix)) return unix
  const lines = withoutSoftBreaks(unix.split('\n'))
    .join('\n')
    .replaceAll(/\n[ \t]+/g, '')
    .split('\n')
  return lines.map(modernLine).join('\n')
}

/** Quoted-printable text goes on in the next line where it ends in `=`. */
function withoutSoftBreaks(lines: readonly string[]): string[] {
  const whole: string[] = []
  let goesOn = false
  for (const line of lines) {
    const before = goesOn ? (whole.pop() ?? '') : ''
    goesOn = (goesOn || /QUOTED-PRINTABLE/i.test(line)) && line.endsWith('=')
    whole.push(before + (goesOn ? line.slice(0, -1) : line))
  }
  return whole
}

function modernLine(line: string): string {
  const [, head = '', value = ''] = /^([^:]*):(.*)$/.exec(line) ?? []
  const [name = '', ...parameters] = head.split(';')
  if (name.toUpperCase() === 'VERSION') return 'VERSION:3.0'
  if (head === '') return line
  const isQuoted = parameters.some((one) => /^(?:ENCODING=)?QUOTED-PRINTABLE$/i.test(one))
  const charset = parameters.find((one) => /^CHARSET=/i.test(one))?.slice(8)
  const kept = parameters
    .filter((one) => !/^(?:ENCODING=)?QUOTED-PRINTABLE$|^CHARSET=/i.test(one))
    .map((one) => (one.includes('=') ? one : `TYPE=${one}`))
    .map((one) => (/^ENCODING=BASE64$|^TYPE=BASE64$/i.test(one) ? 'ENCODING=b' : one))
  return `${[name, ...kept].join(';')}:${isQuoted ? unquoted(value, charset) : value}`
}

function unquoted(value: string, charset: string | undefined): string {
  const bytes = Buffer.from(
    value.replaceAll(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
  const isUtf8 = /^utf-?8$/i.test(charset ?? 'utf-8')
  return bytes.toString(isUtf8 ? 'utf8' : 'latin1').replaceAll(/\r?\n/g, '\\n')
}

function refused(detail: string, cause?: unknown): DomainError {
  return new DomainError('invalid-input', detail, { cause })
}

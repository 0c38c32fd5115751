import { isDeepStrictEqual } from 'node:util'
import express, { Router } from 'express'
import { DataFactory, Store } from 'n3'
import type { Quad } from 'n3'
import { categories, categoriesIn, findField } from '#core/domain/catalogue.ts'
import type { Category, StoredField } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import { languageOf } from '#core/http/language.ts'
import { parser } from '#core/http/validate.ts'
import { parseRdf } from '#core/pods/rdf-formats.ts'
import { resourceOf, valuesIn } from '#core/pods/vocabulary.ts'
import type { CategoryView, ImportField, ImportPreview, Schemas } from '#schemas/types.gen.ts'
import { readExport } from './import-archive.ts'
import { readCsv } from './import-csv.ts'
import { readVcard } from './import-vcard.ts'
import type { Found } from './import-vcard.ts'
import { limitPer } from './limits.ts'
import { categoriesOf } from './profile.ts'
import type { ProfileParts } from './profile.ts'
import { customerOf } from './session.ts'

/** A long life of permissions and proofs, packed; of the other formats a picture at most. */
const maxArchive = 24 * 1024 * 1024
const maxText = 1024 * 1024
const maxFields = 500
/** Far more than any description of a person has. */
const maxDepth = 64

type Source = ImportPreview['source']
const sources: Readonly<Record<string, Source>> = {
  'application/zip': 'reach-export',
  'text/vcard': 'vcard',
  'text/csv': 'csv',
  'application/ld+json': 'json-ld',
}

/**
 * `POST /import/preview` with a file as its body: what it holds, field by field, beside what the pod holds. Saves nothing: what
 * is chosen is saved category by category with `PUT /categories/:category`, on the condition that the document is still the
 * one this was compared with.
 */
export function importRoutes(parts: ProfileParts): Router {
  const take = limitPer({ points: 20, seconds: 60 })
  const router = Router()
  router.post(
    '/import/preview',
    (request, _response, next) => {
      const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
      const source = sources[type]
      if (source === undefined)
        throw new DomainError(
          'unsupported-media-type',
          'A Reach export, a vCard, a CSV table or JSON-LD is read',
        )
      const limit = source === 'reach-export' ? maxArchive : maxText
      if (Number(request.headers['content-length'] ?? 0) > limit)
        throw new DomainError('too-large', 'The file is too large')
      express.raw({ type: () => true, limit, inflate: false })(request, _response, next)
    },
    async (request, response) => {
      const customer = customerOf(request)
      await take(customer.accountId)
      const bytes: unknown = request.body
      if (!Buffer.isBuffer(bytes)) throw new DomainError('invalid-input', 'The file is empty')
      const source = sources[request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '']
      const { found, passedOver, webId } = await read(source ?? 'csv', bytes)
      if (found.length > maxFields) throw new DomainError('invalid-input', 'The file holds too many fields')
      const today = new Date(parts.now()).toISOString().slice(0, 10)
      const named = new Set(found.map(({ field }) => field.split('.', 1)[0]))
      const known = categoriesIn(languageOf(request)).filter(({ id }) => named.has(id))
      const documents = await categoriesOf(parts, customer, known, today)
      const fields = found.map((one) => compare(one, known, documents))
      response.json({
        source: source ?? 'csv',
        ...(webId === undefined ? {} : { webId }),
        fields,
        passedOver,
        categories: documents.map(({ category, title, etag, values }) => ({
          category,
          title,
          etag,
          values: { ...values },
        })),
      } satisfies ImportPreview)
    },
  )
  return router
}

interface Read {
  readonly found: Found[]
  readonly passedOver: number
  readonly webId?: string
}

async function read(source: Source, bytes: Buffer): Promise<Read> {
  if (source === 'reach-export') return ofExport(bytes)
  const text = decode(bytes)
  if (source === 'vcard') return readVcard(text)
  return source === 'csv' ? readCsv(text) : await ofJsonLd(text)
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new DomainError('invalid-input', 'The file is not UTF-8 text', { cause })
  }
}

function ofExport(bytes: Buffer): Read {
  const { values, webId } = readExport(bytes)
  const all = [...values].flatMap(([category, members]) =>
    Object.entries(members as object).map(([name, value]) => ({
      field: `${category}.${name}`,
      value: value as unknown,
    })),
  )
  const found = all.filter(({ field }) => isStored(field))
  return { found, passedOver: all.length - found.length, webId }
}

const isStored = (field: string): boolean => findField(field)?.kind === 'stored'

/** By the terms of the catalogue, whoever the document speaks of: of one person alone. */
async function ofJsonLd(text: string): Promise<Read> {
  if (depthOf(text) > maxDepth) throw new DomainError('invalid-input', 'The document is nested too deeply')
  const base = 'urn:reach:import'
  const quads = await parseRdf(text, 'application/ld+json', `${base}#`).catch((cause: unknown) => {
    if (!(cause instanceof DomainError)) throw cause
    throw new DomainError('invalid-input', cause.message, { cause })
  })
  const told = new Set(quads.map(({ object }) => object.value))
  const roots = new Set(quads.map(({ subject }) => subject.value).filter((one) => !told.has(one)))
  const [root] = roots
  if (root === undefined || roots.size > 1)
    throw new DomainError(
      'invalid-input',
      `The document speaks of ${roots.size} things. Keep the one that is you.`,
    )
  const found: Found[] = []
  for (const category of categories) {
    const url = resourceOf('https://import.invalid/', category.id)
    const store = new Store(quads.map((one) => moved(one, root, `${url}#me`)))
    // Field by field: one that cannot be read takes no other along.
    for (const field of category.fields) found.push(...readField(store, { category, field, url }))
  }
  const fields = new Set(found.map(({ field }) => field))
  return {
    found,
    passedOver: Math.max(
      0,
      new Set(quads.filter(({ subject }) => subject.value === root).map(({ predicate }) => predicate.value))
        .size - fields.size,
    ),
  }
}

/** How deep the brackets of a JSON text go, without reading it: who reads it goes as deep. */
function depthOf(text: string): number {
  let [depth, deepest, isText] = [0, 0, false]
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]
    if (isText && sign === '\\') at++
    else if (sign === '"') isText = !isText
    else if (isText) continue
    else if (sign === '{' || sign === '[') deepest = Math.max(deepest, ++depth)
    else if (sign === '}' || sign === ']') depth--
  }
  return deepest
}

/** The same, with the one it speaks of called as in a pod. */
function moved({ subject, predicate, object }: Quad, root: string, me: string): Quad {
  return DataFactory.quad(subject.value === root ? DataFactory.namedNode(me) : subject, predicate, object)
}

function readField(
  store: Store,
  { category, field, url }: { category: Category; field: StoredField; url: string },
): Found[] {
  const id = `${category.id}.${field.name}`
  try {
    const value = valuesIn(store, { ...category, fields: [field] }, url)[field.name]
    return value === undefined ? [] : [{ field: id, value }]
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    return [{ field: id, value: undefined, why: error.message }]
  }
}

const parsers = new Map<string, (value: unknown) => unknown>()

/** One field of a file beside the pod's, held to the field's own schema. */
function compare(
  { field, value, why }: Found,
  known: readonly Category[],
  documents: readonly CategoryView[],
): ImportField {
  const [id = '', name = ''] = field.split('.')
  const title = known.find((one) => one.id === id)?.fields.find((one) => one.name === name)?.title ?? field
  const now = documents.find(({ category }) => category === id)?.values[name] as
    | ImportField['now']
    | undefined
  const about = { field, category: id, title, ...(now === undefined ? {} : { now }) }
  const fault = why ?? faultOf(id, { [name]: value })
  if (fault !== undefined) return { ...about, state: 'unreadable', why: fault }
  const state = now === undefined ? 'new' : isDeepStrictEqual(now, value) ? 'same' : 'differs'
  return { ...about, state, value: value as NonNullable<ImportField['value']> }
}

function faultOf(category: string, values: object): string | undefined {
  const parse = parsers.get(category) ?? parser(`fields/${category}.json` as keyof Schemas)
  parsers.set(category, parse)
  try {
    parse(values)
    return undefined
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    return error.violations[0]?.detail ?? error.message
  }
}

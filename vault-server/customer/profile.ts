import { Router } from 'express'
import { categories, categoriesIn, findCategory } from '#core/domain/catalogue.ts'
import type { Category } from '#core/domain/catalogue.ts'
import { derive } from '#core/domain/derivations.ts'
import { DomainError } from '#core/domain/errors.ts'
import { languageOf } from '#core/http/language.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { PodRefusal, createPodClient } from '#core/pods/client.ts'
import type { PodClient } from '#core/pods/client.ts'
import { createWriteCheck } from '#core/pods/conditions.ts'
import type { CategoryValues } from '#core/pods/pod.ts'
import { writeCategory } from '#core/pods/vocabulary-edit.ts'
import { readCategory, resourceOf } from '#core/pods/vocabulary.ts'
import { readAccount } from '#core/records/accounts.ts'
import type { CategoryHistory, CategoryView, FieldView, SavedCategory, Schemas } from '#schemas/types.gen.ts'
import type { PodLogins } from './pod-login.ts'
import {
  begunWith,
  changedElsewhere,
  historyResource,
  noHistory,
  viewChanges,
  writeHistory,
} from './profile-history.ts'
import { noteInPod, readNotes } from './profile-notes.ts'
import type { OwnPod } from './profile-notes.ts'
import { customerOf } from './session.ts'
import type { Customer } from './session.ts'

/** A picture travels inside the values. */
const maxBody = 512 * 1024

/**
 * The customer's data, read and written in her own session at her pod: `GET /categories`, `PUT
 * /categories/:category`, and what it was before: `GET /categories/:category/history`, `POST .../history/forget`. Nothing of it
 * is kept here. A save is conditional on the document the form was filled from.
 */
export function profileRoutes(parts: ProfileParts): Router {
  const { now } = parts
  const parseSave = parser('api/save-category.json')
  const parseNothing = parser('api/nothing.json')
  const parseValues = new Map(categories.map(({ id }) => [id, parser(`fields/${id}.json` as keyof Schemas)]))
  const checkWrites = createWriteCheck(now)
  const router = Router()
  const today = () => new Date(now()).toISOString().slice(0, 10)

  router.get('/categories', async (request, response) => {
    const known = categoriesIn(languageOf(request))
    response.json({ categories: await categoriesOf(parts, customerOf(request), known, today()) })
  })

  router.put<{ category: string }>(
    '/categories/:category',
    jsonBody({ limit: maxBody }),
    async (request, response) => {
      const category = findCategory(request.params.category)
      if (category === undefined) throw new DomainError('not-found', 'There is no such category')
      const { etag, values, account, how = 'here' } = parseSave(request.body)
      assertValues(values, parseValues.get(category.id))
      const customer = customerOf(request)
      if (account !== undefined && account !== customer.accountId)
        throw new DomainError('conflict', 'Somebody else is signed in by now')
      const owned = await podOf(parts, customer)
      await checkWrites(owned.fetch, owned.account.container)
      const { before, after } = await save(owned, { category, etag, values })
      const noted = await noteInPod(owned, { category, before, after, how, at: now() })
      const known = categoriesIn(languageOf(request)).find(({ id }) => id === category.id) ?? category
      const { derived } = viewCategory(known, after, today())
      response.json({ etag: after.etag, values: after.values, derived, noted } satisfies SavedCategory)
    },
  )

  router.get<{ category: string }>('/categories/:category/history', async (request, response) => {
    const category = findCategory(request.params.category)
    if (category === undefined) throw new DomainError('not-found', 'There is no such category')
    const { account, pod } = await podOf(parts, customerOf(request))
    const [document, { history }] = await Promise.all([
      readDocument(pod, account.container, category),
      readNotes(pod, historyResource(account.container, category)),
    ])
    // Nothing is written by looking: the next save notes it.
    const unseen =
      document.unreadable === undefined
        ? changedElsewhere(history, document.values, document.modifiedAt ?? now())
        : []
    const changes = viewChanges([...history.changes, ...unseen], category.id)
    response.json({ changes } satisfies CategoryHistory)
  })

  router.post<{ category: string }>(
    '/categories/:category/history/forget',
    jsonBody(),
    async (request, response) => {
      parseNothing(request.body)
      const category = findCategory(request.params.category)
      if (category === undefined) throw new DomainError('not-found', 'There is no such category')
      await forget(await podOf(parts, customerOf(request)), category)
      response.status(204).end()
    },
  )
  return router
}

export interface ProfileParts {
  readonly reader: LedgerReader
  readonly podLogins: Pick<PodLogins, 'fetchOf'>
  /** Unix ms. */
  readonly now: () => number
}

async function podOf({ reader, podLogins }: ProfileParts, customer: Customer): Promise<OwnPod> {
  const account = await readAccount(reader, customer.accountId)
  if (account === undefined || customer.podLogin === undefined) {
    throw new DomainError('not-signed-in', 'Sign in at your pod to see and change what is in it')
  }
  const fetch = await podLogins.fetchOf(customer.podLogin)
  return { account: account.value, fetch, pod: createPodClient({ fetch }) }
}

/** What her pod holds of each of these, as her session sees it; `today` as YYYY-MM-DD. */
export async function categoriesOf(
  parts: ProfileParts,
  customer: Customer,
  known: readonly Category[],
  today: string,
): Promise<CategoryView[]> {
  const {
    account: { container },
    pod,
  } = await podOf(parts, customer)
  const documents = await Promise.all(
    known.map(async (category) => ({ category, document: await readDocument(pod, container, category) })),
  )
  // One that is shut has a rule of its own; when all are, the folder is not hers.
  const [first] = documents
  if (first?.document.refusal !== undefined && documents.every(({ document }) => document.refusal))
    throw first.document.refusal
  return documents.map(({ category, document }) => viewCategory(category, document, today))
}

interface PodDocument {
  readonly values: CategoryValues
  /** `null`: there is no document yet. */
  readonly etag: string | null
  readonly text: string | undefined
  readonly modifiedAt?: number | undefined
  readonly unreadable?: string | undefined
  /** The pod did not let her read it. */
  readonly refusal?: PodRefusal
}

async function readDocument(pod: PodClient, container: string, { id }: Category): Promise<PodDocument> {
  const url = resourceOf(container, id)
  try {
    const { status, etag, body, modifiedAt } = await pod.get(url)
    if (status === 'missing') return { values: {}, etag: null, text: undefined }
    const { values, unreadable } = readCategory(id, body, url)
    if (etag === undefined)
      return { values, etag: '', text: body, unreadable: 'The pod does not number its versions' }
    return { values, etag, text: body, modifiedAt, unreadable }
  } catch (error) {
    // Shut by a rule of its own, as another app may write one: the other documents are as they were.
    const isShut = error instanceof PodRefusal && error.status === 403
    const isUnreadable = error instanceof DomainError && error.code === 'pod-unreadable'
    if (!isShut && !isUnreadable) throw error
    const nothing = { values: {}, etag: '', text: undefined }
    return isShut
      ? { ...nothing, unreadable: 'Your pod does not let you read this', refusal: error }
      : { ...nothing, unreadable: error.message }
  }
}

/**
 * Writes the values into the document that the form was filled from, everything else in it kept, and gives
 * back what the pod held before and what it then holds, values and ETag from one answer: an ETag of somebody else's later change
 * would hide that change. Refuses with `pod-changed`, or `pod-unreadable` for a document that would have to
 * be overwritten blindly.
 */
async function save(
  { account, pod }: OwnPod,
  form: { category: Category; etag: string | null; values: CategoryValues },
): Promise<{ before: PodDocument; after: PodDocument & { readonly etag: string } }> {
  const { category, etag, values } = form
  const url = resourceOf(account.container, category.id)
  const before = await readDocument(pod, account.container, category)
  if (before.unreadable !== undefined) throw new DomainError('pod-unreadable', before.unreadable)
  if (before.etag !== etag) throw changed()
  const text = writeCategory(category.id, values, before.text, url)
  await pod.put(url, text, etag === null ? { ifNoneMatch: '*' } : { ifMatch: etag })
  const after = await readDocument(pod, account.container, category)
  if (after.etag === null || after.unreadable !== undefined) throw changed()
  return { before, after: { ...after, etag: after.etag } }
}

function changed(): DomainError {
  return new DomainError('pod-changed', 'The document in the pod was changed meanwhile. Read it again.')
}

/** Whatever stands in the history, also what nobody can read; what is seen today is no earlier value. */
async function forget({ account, pod }: OwnPod, category: Category): Promise<void> {
  const url = historyResource(account.container, category)
  const { status, etag } = await pod.head(url)
  if (status === 'missing') return
  if (etag === undefined) throw new DomainError('pod-unreadable', 'The pod does not number its versions')
  const { values, unreadable } = await readDocument(pod, account.container, category)
  const history = unreadable === undefined ? begunWith(values) : noHistory
  await pod.put(url, writeHistory(history, url), { ifMatch: etag })
}

/** Pointers lead into the body, where the values lie one step down. */
function assertValues(values: unknown, parse: ((value: unknown) => unknown) | undefined): void {
  try {
    parse?.(values)
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    const violations = error.violations.map(({ pointer, detail }) => ({
      pointer: `/values${pointer}`,
      detail,
    }))
    throw new DomainError('invalid-input', error.message, { violations })
  }
}

function viewCategory(category: Category, document: PodDocument, today: string): CategoryView {
  const { id, group, title, description, schema, derived } = category
  const { values, etag, unreadable } = document
  const byField = Object.fromEntries(Object.entries(values).map(([name, value]) => [`${id}.${name}`, value]))
  return {
    category: id,
    group,
    title,
    description,
    schema,
    values,
    etag,
    ...(unreadable === undefined ? {} : { unreadable }),
    derived: derived.map((field) => {
      const value = derive(field.id, byField, today)
      return {
        field: field.id,
        title: field.title,
        description: field.description,
        sensitivity: field.sensitivity,
        derived: true,
        from: [...field.from],
        rule: field.rule,
        ...(value === undefined ? { missing: true } : { value: value as NonNullable<FieldView['value']> }),
      }
    }),
  }
}

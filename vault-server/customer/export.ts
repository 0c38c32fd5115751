import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Router } from 'express'
import type { Request, Response } from 'express'
import { Zip, ZipDeflate } from 'fflate'
import { categories } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import { formatTime } from '#core/domain/times.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { PodRefusal, createPodClient } from '#core/pods/client.ts'
import type { PodFetch } from '#core/pods/pod.ts'
import { readCategory, resourceOf } from '#core/pods/vocabulary.ts'
import { listAccountGrants } from '#core/records/grants.ts'
import { accountHistory } from '#core/records/histories.ts'
import { readReceipt } from '#core/records/receipts.ts'
import { listAccountRequests } from '#core/records/requests.ts'
import type { Account, ExportManifest } from '#schemas/types.gen.ts'
import type { ProofParts } from '../audit/proof.ts'
import { viewBoundaries } from './boundaries.ts'
import { proveOwn } from './evidence.ts'
import { readmeOf } from './export-readme.ts'
import { limitPer } from './limits.ts'
import { accountOfCustomer, fetchAsCustomer } from './pod-connection.ts'
import type { PodLogins } from './pod-login.ts'
import { historyResource } from './profile-history.ts'
import { proveReceipt } from './receipts.ts'
import { viewEarlier, viewGrant, viewVendor } from './views.ts'

/** Rows and entries read together: what of an export is in memory at a time. */
const page = 50

export interface ExportParts extends ProofParts {
  readonly vaultUrl: string
  readonly podLogins: PodLogins
  readonly publicKeys: () => readonly object[]
  /** The page that checks receipts; undefined where it was not built. */
  readonly receiptChecker: () => string | undefined
  /** Unix ms. */
  readonly now: () => number
}

/**
 * `POST /export`: everything of the customer's in one ZIP archive, made while it is sent, so that it may be of any size. The last
 * file is the manifest with the digest of every other one: an archive that broke off has none. Changes nothing; it is no GET, so
 * that no other site can make a browser fetch it. What lies in the pod takes the pod's sign-in (`not-signed-in`); without it (`data`
 * false) whoever's pod is gone still gets her receipts and proofs. `Reach-Export-Files` says how many files there will be at least.
 */
export function exportRoutes(parts: ExportParts): Router {
  const parseExport = parser('api/export.json')
  const take = limitPer({ points: 6, seconds: 60 })
  const router = Router()
  router.post('/export', jsonBody(), async (request, response) => {
    const { data: isWithData = true } = parseExport(request.body)
    const account = await accountOfCustomer(parts.ledger, request)
    await take(account.accountId)
    const data = isWithData ? await readPod(parts, request, account) : []
    const day = formatTime(parts.now()).slice(0, 10)
    response.set({
      'Content-Type': 'application/zip',
      'Content-Disposition': `attachment; filename="reach-export-${day}.zip"`,
      'Cache-Control': 'no-store',
      'Reach-Export-Files': String(
        data.length + (await countOf(parts, account)) + 8 + (parts.receiptChecker() === undefined ? 0 : 1),
      ),
    })
    const archive = new Archive(response)
    try {
      for (const [path, text] of data) await archive.add(path, text)
      await addRecords(archive, parts, account)
      await archive.end(parts, account)
    } catch (error) {
      // What was sent is no archive without its end.
      if (!response.headersSent) throw error
      response.destroy(error instanceof Error ? error : undefined)
    }
  })
  return router
}

/** A ZIP on its way out; waits for the reader, so that what is not sent yet stays small. */
class Archive {
  readonly #zip: Zip
  readonly #response: Response
  readonly #files: ExportManifest['files'][number][] = []
  constructor(response: Response) {
    this.#response = response
    this.#zip = new Zip((error, chunk, isLast) => {
      if (error !== null) throw error
      response.write(chunk)
      if (isLast) response.end()
    })
  }

  async add(path: string, text: string): Promise<void> {
    const bytes = Buffer.from(text)
    this.#files.push({
      path,
      bytes: bytes.byteLength,
      sha256: createHash('sha256').update(bytes).digest('base64url'),
    })
    const file = Object.assign(new ZipDeflate(path, { level: 6 }), { mtime: epoch })
    this.#zip.add(file)
    file.push(bytes, true)
    if (this.#response.writableNeedDrain)
      await Promise.race([once(this.#response, 'drain'), once(this.#response, 'close')])
    if (this.#response.destroyed) throw new Error('the reader went away')
  }

  async end({ vaultUrl, ledger, now }: ExportParts, { webId }: Account): Promise<void> {
    const manifest: ExportManifest = {
      format: 'reach-export',
      v: 1,
      exportedAt: formatTime(now()),
      vault: vaultUrl,
      webId,
      logOrigin: ledger.log.origin,
      files: [...this.#files],
    }
    await this.add('manifest.json', pretty(manifest))
    this.#zip.end()
  }
}

/** The oldest that the format can say: when a file was packed tells nothing. */
const epoch = new Date(1980, 0, 1, 12)
const pretty = (value: object): string => `${JSON.stringify(value, null, 2)}\n`

type Files = (readonly [path: string, text: string])[]

async function readPod(parts: ExportParts, request: Request, account: Account): Promise<Files> {
  const fetch = await fetchAsCustomer(parts, request)
  return [...(await readData(fetch, account)), ...(await readHistories(fetch, account))]
}

/**
 * Every category as the pod holds it and as plain JSON. Small: a category has a limit of its own. One that a rule of its own shuts, or
 * that is too much to read, takes no other along; when all are shut, that is the reason.
 */
async function readData(fetch: PodFetch, { container }: Account): Promise<Files> {
  const pod = createPodClient({ fetch })
  const refusals: DomainError[] = []
  const found = await Promise.all(
    categories.map(async ({ id }) => {
      const url = resourceOf(container, id)
      const document = await pod.get(url).catch((error: unknown) => {
        if (!isOfDocument(error)) throw error
        refusals.push(error)
      })
      if (document === undefined)
        return [
          [`data/${id}.not-read.txt`, 'Your pod did not give this, or it is too much to read.\n'] as const,
        ]
      const { status, body } = document
      if (status === 'missing') return []
      const { values, unreadable } = readCategory(id, body, url)
      const turtle = [`data/${id}.ttl`, body] as const
      return unreadable === undefined
        ? [turtle, [`data/${id}.json`, pretty({ category: id, values })] as const]
        : [turtle]
    }),
  )
  const [first] = refusals
  if (first !== undefined && refusals.length === categories.length) throw first
  return found.flat()
}

function isOfDocument(error: unknown): error is DomainError {
  if (error instanceof PodRefusal) return error.status === 403
  return error instanceof DomainError && error.code === 'pod-unreadable'
}

/** Earlier values, which only she herself can read: Reach's agent is shut out of them. */
async function readHistories(fetch: PodFetch, { container }: Account): Promise<Files> {
  const pod = createPodClient({ fetch })
  const found = await Promise.all(
    categories.map(async (category) => {
      const { status, body } = await pod.get(historyResource(container, category))
      return status === 'missing' ? [] : [[`history/${category.file}`, body] as const]
    }),
  )
  return found.flat()
}

/** Two files for each receipt. */
async function countOf({ ledger }: ExportParts, { accountId }: Account): Promise<number> {
  let receipts = 0
  for await (const _ of receiptIds({ ledger }, accountId)) receipts++
  return 2 * receipts
}

async function addRecords(archive: Archive, parts: ExportParts, { accountId }: Account): Promise<void> {
  const { ledger, publicLog, publicKeys, receiptChecker, now } = parts
  await archive.add('README.txt', readmeOf(formatTime(now())))
  await archive.add('consents/permissions.json', pretty(await allGrants(parts, accountId)))
  await archive.add('consents/requests.json', pretty(await allRequests(parts, accountId)))
  await archive.add('consents/refusals.json', pretty(await viewBoundaries(ledger, accountId, now())))
  for await (const receiptId of receiptIds(parts, accountId)) {
    const stored = await readReceipt(ledger, receiptId)
    if (stored === undefined) continue
    await archive.add(`receipts/${receiptId}.jws`, stored.value.jws)
    await archive.add(`receipts/${receiptId}.tlog-proof`, await proveReceipt(parts, stored.value))
  }
  await archive.add('receipts/keys.json', pretty({ keys: publicKeys() }))
  const checker = receiptChecker()
  if (checker !== undefined) await archive.add('receipts/check.html', checker)
  await archive.add('log/vkey', `${publicLog.vkey}\n`)
  await archive.add('log/checkpoint', await publicLog.newest())
  let number = 0
  for (let before: number | undefined; ;) {
    const items = await accountHistory(ledger, accountId, { before, limit: page })
    if (items.length === 0) return
    const lines: string[] = []
    for (const item of items) lines.push(JSON.stringify(await proveOwn(parts, item)))
    number += 1
    await archive.add(`activity/${String(number).padStart(5, '0')}.jsonl`, `${lines.join('\n')}\n`)
    before = items.at(-1)?.index ?? 0
  }
}

/** Of permissions, earlier terms included, and of refusals; each once. */
async function* receiptIds(
  { ledger }: Pick<ExportParts, 'ledger'>,
  accountId: string,
): AsyncGenerator<string> {
  const seen = new Set<string>()
  const fresh = (id: string | undefined): id is string => {
    if (id === undefined || seen.has(id)) return false
    seen.add(id)
    return true
  }
  for await (const grant of grantsOf({ ledger }, accountId)) {
    const earlier = await viewEarlier(ledger, grant)
    for (const id of [grant.receiptId, ...earlier.map(({ receiptId }) => receiptId)]) if (fresh(id)) yield id
  }
  for await (const { receiptId } of requestsOf({ ledger }, accountId)) if (fresh(receiptId)) yield receiptId
}

async function* grantsOf({ ledger }: Pick<ExportParts, 'ledger'>, accountId: string) {
  for (let after: string | undefined; ;) {
    const { rows, next } = await listAccountGrants(ledger, accountId, { after, limit: page })
    for (const { value } of rows) yield value
    if (next === undefined) return
    after = next
  }
}

async function* requestsOf({ ledger }: Pick<ExportParts, 'ledger'>, accountId: string) {
  for (let after: string | undefined; ;) {
    const { rows, next } = await listAccountRequests(ledger, accountId, { after, limit: page })
    for (const { value } of rows) yield value
    if (next === undefined) return
    after = next
  }
}

async function allGrants({ ledger, now }: ExportParts, accountId: string): Promise<object[]> {
  const all: object[] = []
  for await (const grant of grantsOf({ ledger }, accountId))
    all.push({ ...(await viewGrant(ledger, grant, now())), earlier: await viewEarlier(ledger, grant) })
  return all
}

async function allRequests({ ledger }: ExportParts, accountId: string): Promise<object[]> {
  const all: object[] = []
  for await (const request of requestsOf({ ledger }, accountId)) {
    const { requestId, vendorId, items, receivedAt, decidedAt, status, retention, recipients, until } =
      request
    all.push({
      requestId,
      business: (await viewVendor(ledger, vendorId)).name,
      items,
      retention,
      recipients,
      until: formatTime(until),
      receivedAt: formatTime(receivedAt),
      status,
      ...(decidedAt === undefined ? {} : { decidedAt: formatTime(decidedAt) }),
      ...(request.grantId === undefined ? {} : { permission: request.grantId }),
      ...(request.receiptId === undefined ? {} : { receipt: request.receiptId }),
    })
  }
  return all
}

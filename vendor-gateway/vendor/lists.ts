import { DomainError } from '#core/domain/errors.ts'
import { parseNote } from '#core/ledger/note.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { listVendorGrants, readGrant } from '#core/records/grants.ts'
import type { Page, Stored } from '#core/records/parts.ts'
import { isTold, listVendorRequests, readRequest } from '#core/records/requests.ts'
import { listVendorChanges } from '#core/records/vendor-changes.ts'
import type { AccessRequest, Grant, VendorGrants, VendorRequests } from '#schemas/types.gen.ts'
import type { VendorLimits } from '../limits.ts'
import { jsonReply } from '../reply.ts'
import type { Reply } from '../reply.ts'
import type { Caller } from '../tokens/authenticate.ts'
import { readListQuery, writeAsOf } from './listed.ts'
import type { AsOf, ListQuery } from './listed.ts'
import { grantStates, requestStates } from './views.ts'
import type { Views } from './views.ts'

/** What a list weighs among the subjects of a minute: it may have to look through many rows to fill a page. */
const WEIGHT = 10
/** Rows looked at for one page; a page of what is rare may so be short, and yet have a next one. */
const MOST_LOOKED_AT = 1_000
/** A request may be on record this much later than the time it bears, in ms: so much is told again. */
const OVERLAP = 300_000

type Row<Value> = Stored<Value>
type Wants<Value> = (row: Row<Value>) => Promise<boolean>

/**
 * What a business may know of its own grants and requests. Changes have one order, that of the log: `as_of` names a size
 * of it, and everything that changed later has an entry behind it. Rows are told as they stand when they are read, never
 * older than their entry.
 */
export class VendorLists {
  readonly #ledger: Ledger
  readonly #limits: VendorLimits
  readonly #now: () => number
  readonly #views: Views

  constructor(options: { ledger: Ledger; limits: VendorLimits; now: () => number; views: Views }) {
    this.#ledger = options.ledger
    this.#limits = options.limits
    this.#now = options.now
    this.#views = options.views
  }

  /** GET /v1/grants: those whose code was redeemed. A token for one customer sees the grant it was made for. */
  async grants(caller: Caller, query: string): Promise<Reply> {
    const filters = ['state', 'subject', 'purpose', 'grant_id', 'request_id'] as const
    const asked = readListQuery(query, { filters, states: grantStates })
    await this.#limits.take(caller.vendorId, WEIGHT)
    const asOf = this.#asOf()
    const { rows, next } = await this.#pageOfGrants(caller, asked, asOf)
    const grants = await Promise.all(rows.map(({ value }) => this.#views.grant(value)))
    const reply: VendorGrants = { grants, ...this.#places(asked, next, asOf) }
    return jsonReply(JSON.stringify(reply))
  }

  /** GET /v1/requests. */
  async requests(caller: Caller, query: string): Promise<Reply> {
    const filters = ['state', 'purpose', 'grant_id', 'request_id'] as const
    const asked = readListQuery(query, { filters, states: requestStates })
    await this.#limits.take(caller.vendorId, WEIGHT)
    const asOf = this.#asOf()
    const { rows, next } = await this.#pageOfRequests(caller, asked, asOf)
    const requests = await Promise.all(rows.map(({ value }) => this.#views.request(value)))
    const reply: VendorRequests = { requests, ...this.#places(asked, next, asOf) }
    return jsonReply(JSON.stringify(reply))
  }

  async #pageOfGrants(
    { vendorId, token }: Caller,
    asked: ListQuery<'state' | 'subject' | 'purpose' | 'grant_id' | 'request_id'>,
    asOf: AsOf,
  ): Promise<Page<Row<Grant>>> {
    const { state, subject, purpose, grant_id: grantId, request_id: requestId } = asked.filters
    const wants: Wants<Grant> = async ({ value }) =>
      value.vendorId === vendorId &&
      value.redeemed &&
      (subject === undefined || value.subject === subject) &&
      (purpose === undefined || value.items.some((item) => item.purpose === purpose)) &&
      (grantId === undefined || value.grantId === grantId) &&
      (requestId === undefined || value.requestId === requestId) &&
      (state === undefined || (await this.#views.grant(value)).state === state)
    const named = token.batch ? (grantId ?? (await this.#grantOf(requestId))) : (token.grantId ?? '')
    const read = (id: string) => readGrant(this.#ledger, id)
    if (named !== undefined) return one(await read(named), wants)
    if (asked.changedSince !== undefined)
      return this.#changed(vendorId, asked, asOf, { of: 'grant', read, wants })
    return filled(asked, wants, (page) => listVendorGrants(this.#ledger, vendorId, page))
  }

  async #pageOfRequests(
    { vendorId }: Caller,
    asked: ListQuery<'state' | 'purpose' | 'grant_id' | 'request_id'>,
    asOf: AsOf,
  ): Promise<Page<Row<AccessRequest>>> {
    const { state, purpose, grant_id: grantId, request_id: requestId } = asked.filters
    const wants: Wants<AccessRequest> = async ({ value }) =>
      value.vendorId === vendorId &&
      isTold(value, this.#now()) &&
      (purpose === undefined || value.items.some((item) => item.purpose === purpose)) &&
      (requestId === undefined || value.requestId === requestId) &&
      ((state === undefined && grantId === undefined) || (await this.#shows(value, state, grantId)))
    const read = (id: string) => readRequest(this.#ledger, id)
    const named = requestId ?? (await this.#requestOf(grantId))
    if (named !== undefined) return one(await read(named), wants)
    const { changedSince } = asked
    const received = (page: { after?: string; limit: number }) =>
      listVendorRequests(this.#ledger, vendorId, page)
    if (changedSince === undefined) return filled(asked, wants, received)

    // Coming in is no entry of the log: first what was decided since, in its order, then what came in, by its time.
    const isSecond = asked.after?.startsWith(RECEIVED) === true
    if (!isSecond) {
      const decided = await this.#changed(vendorId, asked, asOf, { of: 'request', read, wants })
      return { rows: decided.rows, next: decided.next ?? RECEIVED }
    }
    const from = asked.after.slice(RECEIVED.length)
    const earliest = changedSince.time - OVERLAP
    const page = await received({ limit: asked.limit, ...(from === '' ? {} : { after: from }) })
    const recent = page.rows.filter(({ value }) => value.receivedAt >= earliest)
    const isOver = recent.length < page.rows.length || page.next === undefined
    return { rows: await chosen(recent, wants), ...(isOver ? {} : { next: RECEIVED + page.next }) }
  }

  /** Walks the changes that lie behind `changedSince`, newest first; each row once in a page. */
  async #changed<Value>(
    vendorId: string,
    { changedSince, after, limit }: ListQuery<string>,
    asOf: AsOf,
    {
      of,
      read,
      wants,
    }: {
      of: 'grant' | 'request'
      read: (id: string) => Promise<Row<Value> | undefined>
      wants: Wants<Value>
    },
  ): Promise<Page<Row<Value>>> {
    const before = after === undefined ? asOf.size : Number(/^[0-9]{1,15}$/.exec(after)?.[0] ?? NaN)
    if (Number.isNaN(before)) throw badCursor()
    const from = changedSince?.size ?? 0
    const { ids, next } = await listVendorChanges(this.#ledger, vendorId, {
      of,
      from,
      before,
      limit,
      mostLookedAt: MOST_LOOKED_AT,
    })
    const found = await Promise.all(ids.map(read))
    const rows = await chosen(
      found.filter((row) => row !== undefined),
      wants,
    )
    return { rows, ...(next === undefined ? {} : { next: String(next) }) }
  }

  async #shows(
    request: AccessRequest,
    state: string | undefined,
    grantId: string | undefined,
  ): Promise<boolean> {
    const view = await this.#views.request(request)
    return (
      (state === undefined || view.status === state) && (grantId === undefined || view.grant_id === grantId)
    )
  }

  async #grantOf(requestId: string | undefined): Promise<string | undefined> {
    if (requestId === undefined) return undefined
    return (await readRequest(this.#ledger, requestId))?.value.grantId ?? ''
  }

  async #requestOf(grantId: string | undefined): Promise<string | undefined> {
    if (grantId === undefined) return undefined
    return (await readGrant(this.#ledger, grantId))?.value.requestId ?? ''
  }

  /** Taken before anything is read: what changes meanwhile lies behind it and is told the next time. */
  #asOf(): AsOf {
    const [, size] = parseNote(this.#ledger.log.checkpoint()).text.split('\n')
    return { size: Number(size), time: this.#now() }
  }

  #places({ after }: ListQuery<string>, next: string | undefined, asOf: AsOf) {
    return {
      ...(next === undefined ? {} : { next }),
      ...(after === undefined ? { as_of: writeAsOf(asOf) } : {}),
    }
  }
}

const RECEIVED = 'received:'

async function one<Value>(row: Row<Value> | undefined, wants: Wants<Value>): Promise<Page<Row<Value>>> {
  return { rows: row !== undefined && (await wants(row)) ? [row] : [] }
}

/** Looks on until the page is full, the list is over, or enough was looked at. */
async function filled<Value>(
  { limit, after }: ListQuery<string>,
  wants: Wants<Value>,
  list: (page: { after?: string; limit: number }) => Promise<Page<Row<Value>>>,
): Promise<Page<Row<Value>>> {
  const rows: Row<Value>[] = []
  let next = after
  for (let lookedAt = 0; ;) {
    const page = await list({ limit: limit - rows.length, ...(next === undefined ? {} : { after: next }) })
    rows.push(...(await chosen(page.rows, wants)))
    lookedAt += page.rows.length
    next = page.next
    if (next === undefined) return { rows }
    if (rows.length === limit || lookedAt >= MOST_LOOKED_AT) return { rows, next }
  }
}

async function chosen<Value>(rows: readonly Row<Value>[], wants: Wants<Value>): Promise<Row<Value>[]> {
  const wanted = await Promise.all(rows.map(wants))
  return rows.filter((_, i) => wanted[i])
}

function badCursor(): DomainError {
  const violations = [{ pointer: 'after', detail: 'not a cursor that was handed out' }]
  return new DomainError('invalid-input', 'The cursor is not valid.', { violations })
}

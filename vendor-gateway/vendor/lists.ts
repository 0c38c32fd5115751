import { DomainError } from '#core/domain/errors.ts'
import type { Violation } from '#core/domain/errors.ts'
import { liveness } from '#core/domain/grant.ts'
import { formatTime } from '#core/domain/times.ts'
import { parseQuery } from '#core/http/query.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { listVendorGrants, readGrant, seqKey } from '#core/records/grants.ts'
import { listVendorRequests } from '#core/records/requests.ts'
import type {
  AccessRequest,
  Grant,
  VendorGrant,
  VendorGrants,
  VendorRequest,
  VendorRequests,
} from '#schemas/types.gen.ts'
import type { VendorLimits } from '../limits.ts'
import { jsonReply } from '../reply.ts'
import type { Reply } from '../reply.ts'
import type { Caller } from '../tokens/authenticate.ts'

const USUAL_ROWS = 50
const MOST_ROWS = 200

/** What a business may know of its own grants and requests. */
export class VendorLists {
  readonly #reader: LedgerReader
  readonly #limits: VendorLimits
  readonly #now: () => number

  constructor(options: { reader: LedgerReader; limits: VendorLimits; now: () => number }) {
    this.#reader = options.reader
    this.#limits = options.limits
    this.#now = options.now
  }

  /** GET /v1/grants: those whose code was redeemed. A token for one customer sees the grant it was made for. */
  async grants(caller: Caller, query: string): Promise<Reply> {
    const page = readPage(query)
    await this.#limits.take(caller.vendorId, 1)
    const { rows, next } = caller.token.batch
      ? await listVendorGrants(this.#reader, caller.vendorId, page)
      : { rows: await this.#ofToken(caller), next: undefined }
    const grants = await Promise.all(rows.map(({ value }) => this.#grantView(value)))
    const reply: VendorGrants = { grants, ...(next === undefined ? {} : { next }) }
    return jsonReply(JSON.stringify(reply))
  }

  /** GET /v1/requests. */
  async requests(caller: Caller, query: string): Promise<Reply> {
    const page = readPage(query)
    await this.#limits.take(caller.vendorId, 1)
    const { rows, next } = await listVendorRequests(this.#reader, caller.vendorId, page)
    const requests = await Promise.all(rows.map(({ value }) => this.#requestView(value)))
    const reply: VendorRequests = { requests, ...(next === undefined ? {} : { next }) }
    return jsonReply(JSON.stringify(reply))
  }

  async #ofToken({ token, vendorId }: Caller) {
    const grant = token.grantId === undefined ? undefined : await readGrant(this.#reader, token.grantId)
    return grant?.value.vendorId === vendorId && grant.value.redeemed ? [grant] : []
  }

  async #grantView(grant: Grant): Promise<VendorGrant> {
    const state = liveness(grant, this.#now())
    const reads = await this.#reader.count(seqKey(grant.grantId))
    const isUsedUp = grant.reads !== undefined && reads >= grant.reads
    return {
      grant_id: grant.grantId,
      subject: grant.subject,
      state:
        state === 'live' ? (isUsedUp ? 'used-up' : 'active') : state === 'unredeemed' ? 'expired' : state,
      items: grant.items,
      valid_from: formatTime(grant.validFrom),
      until: formatTime(grant.until),
      ...(grant.endedAt === undefined ? {} : { ended_at: formatTime(grant.endedAt) }),
      reads,
      ...(grant.reads === undefined ? {} : { reads_allowed: grant.reads }),
    }
  }

  /** The grant of a code that was not redeemed is told to nobody. */
  async #requestView(request: AccessRequest): Promise<VendorRequest> {
    const grant = request.grantId === undefined ? undefined : await readGrant(this.#reader, request.grantId)
    const isOver =
      request.status !== 'allowed' && request.status !== 'refused' && this.#now() > request.expiresAt
    return {
      request_id: request.requestId,
      status: isOver ? 'expired' : request.status,
      received_at: formatTime(request.receivedAt),
      ...(request.decidedAt === undefined ? {} : { decided_at: formatTime(request.decidedAt) }),
      ...(grant?.value.redeemed === true ? { grant_id: grant.value.grantId } : {}),
    }
  }
}

function readPage(query: string): { after?: string; limit: number } {
  const { after, limit = String(USUAL_ROWS), ...others } = parseQuery(query)
  const rows = /^[1-9][0-9]{0,2}$/.test(limit) ? Number(limit) : 0
  const violations: Violation[] = []
  if (Object.keys(others).length > 0)
    violations.push({ pointer: '', detail: 'only after and limit can be asked with' })
  if (rows < 1 || rows > MOST_ROWS) violations.push({ pointer: 'limit', detail: `must be 1 to ${MOST_ROWS}` })
  if (violations.length > 0) throw new DomainError('invalid-input', 'The query is not valid', { violations })
  return { limit: rows, ...(after === undefined ? {} : { after }) }
}

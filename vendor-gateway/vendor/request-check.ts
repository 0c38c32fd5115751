import { DomainError } from '#core/domain/errors.ts'
import type { Violation } from '#core/domain/errors.ts'
import { noticeOf } from '#core/domain/notice.ts'
import { normalizeRequest } from '#core/domain/request.ts'
import type { NormalizedRequest } from '#core/domain/request.ts'
import { reviewRequest } from '#core/domain/request-review.ts'
import { parser } from '#core/http/validate.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { readVendor } from '#core/records/vendors.ts'
import type { RequestCheck, Vendor } from '#schemas/types.gen.ts'
import type { VendorLimits } from '../limits.ts'
import { jsonReply } from '../reply.ts'
import type { Reply } from '../reply.ts'
import type { Caller } from '../tokens/authenticate.ts'

/** Where the one element stands in the body; pointers of the rules lead from there. */
const place = '/authorization_details/0'

/** POST /v1/requests/check: the rules of the authorization server, tried without a request. */
export class RequestChecks {
  readonly #reader: LedgerReader
  readonly #limits: VendorLimits
  readonly #now: () => number
  readonly #parseBody = parser('api/check-request.json')
  readonly #parseDetails = parser('api/access-request-details.json')

  constructor(options: { reader: LedgerReader; limits: VendorLimits; now: () => number }) {
    this.#reader = options.reader
    this.#limits = options.limits
    this.#now = options.now
  }

  /** Faults of the request are what it answers with; only a body that holds none is refused (`invalid-input`). */
  async check({ vendorId }: Caller, body: unknown): Promise<Reply> {
    const [details] = this.#parseBody(body).authorization_details
    await this.#limits.take(vendorId, 1)
    const vendor = await readVendor(this.#reader, vendorId)
    if (vendor === undefined) throw new Error('a business that was let in is there')
    return jsonReply(JSON.stringify(this.#verdict(details, vendor.value)))
  }

  #verdict(details: unknown, vendor: Vendor): RequestCheck {
    const now = this.#now()
    let request: NormalizedRequest
    try {
      request = normalizeRequest(this.#parseDetails(details), { vendorId: vendor.vendorId, now })
    } catch (error) {
      if (!(error instanceof DomainError) || error.code !== 'invalid-input') throw error
      return { acceptable: false, errors: error.violations.map(placed), advice: [] }
    }
    const { language, items, ...words } = noticeOf({ vendor, ...request })
    return {
      acceptable: true,
      errors: [],
      advice: reviewRequest(request, { vendor, now }).map(({ instead, ...told }) => ({
        ...placed(told),
        ...(instead === undefined ? {} : { instead: [...instead] }),
      })),
      preview: { language, items: items.map((item) => ({ ...item, learns: [...item.learns] })), ...words },
    }
  }
}

/** What concerns the business and no part of the body keeps its empty pointer. */
function placed<One extends Violation>(one: One): One {
  const isOfBusiness = 'code' in one && one.pointer === ''
  return isOfBusiness ? one : { ...one, pointer: place + one.pointer }
}

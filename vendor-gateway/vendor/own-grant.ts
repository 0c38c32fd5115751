import { DomainError } from '#core/domain/errors.ts'
import { hasEnded, relinquish } from '#core/domain/grant.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { endEach } from '#core/records/ends.ts'
import { readGrant } from '#core/records/grants.ts'
import type { Names } from '#core/records/names.ts'
import type { Stored } from '#core/records/parts.ts'
import { vendorEvent } from '#core/records/vendor-events.ts'
import type { Grant } from '#schemas/types.gen.ts'
import type { VendorLimits } from '../limits.ts'
import { jsonReply, noContent } from '../reply.ts'
import type { Reply } from '../reply.ts'
import type { Caller } from '../tokens/authenticate.ts'
import type { Views } from './views.ts'

const ATTEMPTS = 4

/** One grant of the asking business, by its id. */
export class OwnGrant {
  readonly #ledger: Ledger
  readonly #names: Names
  readonly #limits: VendorLimits
  readonly #now: () => number
  readonly #views: Views

  constructor(options: {
    ledger: Ledger
    names: Names
    limits: VendorLimits
    now: () => number
    views: Views
  }) {
    this.#ledger = options.ledger
    this.#names = options.names
    this.#limits = options.limits
    this.#now = options.now
    this.#views = options.views
  }

  /** GET /v1/grants/{grant_id}. */
  async show(caller: Caller, grantId: string): Promise<Reply> {
    await this.#limits.take(caller.vendorId, 1)
    const { value } = await this.#find(caller, grantId)
    return jsonReply(JSON.stringify(await this.#views.grant(value)))
  }

  /** DELETE /v1/grants/{grant_id}: one commit ends the grant, says so in the log and is told like any other end. */
  async giveBack(caller: Caller, grantId: string): Promise<Reply> {
    await this.#limits.take(caller.vendorId, 1)
    const ports = { ledger: this.#ledger, names: this.#names, now: this.#now }
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const stored = await this.#find(caller, grantId)
      if (hasEnded(stored.value)) return noContent
      const ended = await endEach(ports, [stored], (grant, at) => ({
        grant: relinquish(grant, at),
        fact: { type: 'relinquished' },
        told: vendorEvent({ type: 'grant.withdrawn', grant, at }),
      }))
      if (ended === 1) return noContent
    }
    throw new DomainError('conflict', 'Something else changed the grant each time: try again')
  }

  /** Foreign, unknown and unredeemed grants are one answer, and so is any but its own for a token of one customer. */
  async #find({ vendorId, token }: Caller, grantId: string): Promise<Stored<Grant>> {
    const isNamed = token.batch || token.grantId === grantId
    const stored = isNamed ? await readGrant(this.#ledger, grantId) : undefined
    if (stored?.value.vendorId !== vendorId || !stored.value.redeemed)
      throw new DomainError('not-found', 'There is no such grant of yours')
    return stored
  }
}

import { liveness } from '#core/domain/grant.ts'
import { formatTime } from '#core/domain/times.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { readGrant, seqKey } from '#core/records/grants.ts'
import type {
  AccessRequest,
  Acknowledgement,
  Grant,
  VendorAcknowledgement,
  VendorGrant,
  VendorRequest,
} from '#schemas/types.gen.ts'

export const grantStates = ['active', 'paused', 'used-up', 'withdrawn', 'expired'] as const
export const requestStates = ['open', 'allowed', 'refused', 'later', 'expired'] as const

/** Grants and requests as their business sees them. */
export class Views {
  readonly #reader: LedgerReader
  readonly #now: () => number

  constructor(options: { reader: LedgerReader; now: () => number }) {
    this.#reader = options.reader
    this.#now = options.now
  }

  async grant(grant: Grant): Promise<VendorGrant> {
    const state = liveness(grant, this.#now())
    const reads = await this.#reader.count(seqKey(grant.grantId))
    const isUsedUp = grant.reads !== undefined && reads >= grant.reads
    return {
      grant_id: grant.grantId,
      request_id: grant.requestId,
      subject: grant.subject,
      state:
        state === 'live' ? (isUsedUp ? 'used-up' : 'active') : state === 'unredeemed' ? 'expired' : state,
      items: grant.items,
      valid_from: formatTime(grant.validFrom),
      until: formatTime(grant.until),
      ...(grant.endedAt === undefined ? {} : { ended_at: formatTime(grant.endedAt) }),
      ...(state === 'withdrawn' ? { ended_by: grant.endedBy ?? 'customer' } : {}),
      ...(grant.replacedBy === undefined ? {} : { replaced_by: grant.replacedBy }),
      reads,
      ...(grant.reads === undefined ? {} : { reads_allowed: grant.reads }),
      ...(grant.acknowledgement === undefined ? {} : { acknowledgement: askedOf(grant.acknowledgement) }),
    }
  }

  /** The grant of a code that was not redeemed is told to nobody. */
  async request(request: AccessRequest): Promise<VendorRequest> {
    const grant = request.grantId === undefined ? undefined : await readGrant(this.#reader, request.grantId)
    const isOver =
      request.status !== 'allowed' && request.status !== 'refused' && this.#now() > request.expiresAt
    return {
      request_id: request.requestId,
      status: isOver ? 'expired' : request.status,
      received_at: formatTime(request.receivedAt),
      expires_at: formatTime(request.expiresAt),
      ...(request.decidedAt === undefined ? {} : { decided_at: formatTime(request.decidedAt) }),
      ...(grant?.value.redeemed === true ? { grant_id: grant.value.grantId } : {}),
    }
  }
}

function askedOf({ kind, requestedAt, dueAt, acknowledgedAt }: Acknowledgement): VendorAcknowledgement {
  return {
    kind,
    requested_at: formatTime(requestedAt),
    ...(dueAt === undefined ? {} : { due_at: formatTime(dueAt) }),
    ...(acknowledgedAt === undefined ? {} : { acknowledged_at: formatTime(acknowledgedAt) }),
  }
}

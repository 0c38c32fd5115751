import { DomainError } from '#core/domain/errors.ts'
import { parseQuery } from '#core/http/query.ts'
import type { LogReader } from '#core/ledger/ledger.ts'
import { parseNote } from '#core/ledger/note.ts'
import { proveEntry } from '#core/ledger/proof.ts'
import type { VendorLimits } from '../limits.ts'
import type { Reply } from '../reply.ts'
import type { Caller } from '../tokens/authenticate.ts'

const headers = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Content-Type': 'text/plain; charset=utf-8',
}

/**
 * GET /v1/log/proof: the inclusion proof of any entry in the newest checkpoint. It tells nothing that the public log does
 * not; what opens the entry lies with whoever got the reply.
 */
export class LogProofs {
  readonly #log: LogReader
  readonly #limits: VendorLimits

  constructor(options: { log: LogReader; limits: VendorLimits }) {
    this.#log = options.log
    this.#limits = options.limits
  }

  async prove({ vendorId }: Caller, query: string): Promise<Reply> {
    const { index = '', ...others } = parseQuery(query)
    const violations = [
      ...(Object.keys(others).length > 0 ? [{ pointer: '', detail: 'only index can be asked with' }] : []),
      ...(/^(0|[1-9][0-9]{0,14})$/.test(index)
        ? []
        : [{ pointer: 'index', detail: 'must be a whole number' }]),
    ]
    if (violations.length > 0)
      throw new DomainError('invalid-input', 'The query is not valid', { violations })
    await this.#limits.take(vendorId, 1)
    const checkpoint = await this.#log.newest()
    const [, size] = parseNote(checkpoint).text.split('\n')
    if (Number(index) >= Number(size)) throw new DomainError('not-found', 'The log has no such entry yet')
    const body = await proveEntry(this.#log, { index: Number(index), checkpoint, openings: {} })
    return { status: 200, headers, body }
  }
}

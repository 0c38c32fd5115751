import { DomainError } from '#core/domain/errors.ts'
import { parser } from '#core/http/validate.ts'
import type { Caller } from '../tokens/authenticate.ts'
import type { VendorLimits } from '../limits.ts'
import { jsonReply, subjectUnavailable } from '../reply.ts'
import type { Reply } from '../reply.ts'
import { AskedReader, knownFields } from './asked.ts'
import type { RefusalLog } from './refusal-log.ts'
import type { Release, Verdict } from './release.ts'
import { refusedRow } from './row-text.ts'

/** Bytes of the largest batch: 1,000 subjects of 64 characters, with fields and room. */
export const QUERY_LIMIT = 131_072

/** Reads of customers' data: both ways in, one way out. */
export class Queries {
  readonly #release: Release
  readonly #refusals: RefusalLog
  readonly #limits: VendorLimits
  readonly #asked = new AskedReader()
  readonly #parseBody = parser('api/query.json')

  constructor(options: { release: Release; refusals: RefusalLog; limits: VendorLimits }) {
    this.#release = options.release
    this.#refusals = options.refusals
    this.#limits = options.limits
  }

  /** GET /v1/subjects/{subject}. `query` is the raw text behind the question mark. */
  async one(caller: Caller, subject: string, query: string): Promise<Reply> {
    await this.#limits.take(caller.vendorId, 1)
    const asked = this.#asked.read(query)
    const { batch, subject: own } = caller.token
    if (!batch && subject !== own) {
      this.#refusals.countUnknown()
      return subjectUnavailable
    }
    const [verdict] = await this.#release.query(caller, [subject], asked)
    return replyTo(verdict)
  }

  /** POST /v1/query. */
  async many(caller: Caller, body: unknown): Promise<Reply> {
    const { purpose, fields, subjects } = this.#parseBody(body)
    await this.#limits.take(caller.vendorId, subjects.length)
    const asked = { purpose, fields: knownFields(fields, (n) => `/fields/${n}`) }
    const verdicts = await this.#release.query(caller, subjects, asked)
    const rows = verdicts.map((verdict, i) => rowOf(verdict, subjects[i] ?? ''))
    return jsonReply(`{"rows":[${rows.join()}]}`)
  }
}

function replyTo(verdict: Verdict | undefined): Reply {
  switch (verdict?.kind) {
    case 'released':
      return jsonReply(verdict.text)
    case 'later':
      throw verdict.refusal
    case 'not-granted':
      throw new DomainError(
        'purpose-not-granted',
        'The grant is live, but none of these fields is granted for this purpose',
      )
    default:
      return subjectUnavailable
  }
}

function rowOf(verdict: Verdict, subject: string): string {
  if (verdict.kind === 'released') return verdict.text
  return refusedRow(subject, verdict.kind === 'later' ? 'later' : 'subject-unavailable')
}

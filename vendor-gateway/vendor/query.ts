import { DomainError } from '#core/domain/errors.ts'
import { parser } from '#core/http/validate.ts'
import type { Authenticator, Caller } from '../tokens/authenticate.ts'
import type { VendorLimits } from '../limits.ts'
import { jsonReply, subjectUnavailable } from '../reply.ts'
import type { Reply } from '../reply.ts'
import type { StreamReply } from '../stream.ts'
import { Turns } from '../turns.ts'
import { AskedReader, knownFields } from './asked.ts'
import type { RefusalLog } from './refusal-log.ts'
import type { Asked, Release, Verdict } from './release.ts'
import { refusedRow } from './row-text.ts'
import type { SubjectReplies, Wanted } from './subject-reply.ts'

/** Bytes of the largest batch: 1,000 subjects of 64 characters, with fields and room. */
export const QUERY_LIMIT = 131_072

/** Subjects of one piece of a stream, and of a batch that are decided together. */
const PIECE = 100

interface Batch {
  readonly subjects: readonly string[]
  readonly asked: Asked
}

/** Reads of customers' data: three ways in, one way out. */
export class Queries {
  readonly #release: Release
  readonly #replies: SubjectReplies
  readonly #refusals: RefusalLog
  readonly #limits: VendorLimits
  readonly #callers: Pick<Authenticator, 'vendorOf'>
  readonly #now: () => number
  readonly #turns = new Turns()
  readonly #asked = new AskedReader()
  readonly #parseBody = parser('api/query.json')

  constructor(options: {
    release: Release
    replies: SubjectReplies
    refusals: RefusalLog
    limits: VendorLimits
    callers: Pick<Authenticator, 'vendorOf'>
    now: () => number
  }) {
    this.#release = options.release
    this.#replies = options.replies
    this.#refusals = options.refusals
    this.#limits = options.limits
    this.#callers = options.callers
    this.#now = options.now
  }

  /** GET /v1/subjects/{subject}. `query` is the raw text behind the question mark. */
  async one(
    caller: Caller,
    { subject, query }: { subject: string; query: string },
    wanted: Omit<Wanted, 'proof'>,
  ): Promise<Reply> {
    await this.#limits.take(caller.vendorId, 1)
    const { asked, proof } = this.#asked.read(query)
    const { batch, subject: own } = caller.token
    if (!batch && subject !== own) {
      this.#refusals.countUnknown()
      return subjectUnavailable
    }
    const [verdict] = await this.#release.query(caller, [subject], asked)
    if (verdict?.kind === 'released') return this.#replies.make(verdict, { ...wanted, proof })
    return refusalOf(verdict)
  }

  /** POST /v1/query, answered whole. `sent` resolves when the reply is out of our hands; so long it has its turn. */
  async many(caller: Caller, body: unknown, sent: Promise<void>): Promise<Reply> {
    const { subjects, asked } = await this.#admit(caller, body)
    const work = async () => {
      const verdicts = await this.#decide(caller, subjects, asked)
      return verdicts.map((verdict, i) => rowOf(verdict, subjects[i] ?? ''))
    }
    const rows = await this.#turns.run(caller.vendorId, Math.min(subjects.length, PIECE), work, sent)
    return jsonReply(`{"rows":[${rows.join()}]}`)
  }

  /** POST /v1/query, answered line by line (schemas/api/query-line.json). */
  async stream(caller: Caller, body: unknown): Promise<StreamReply> {
    const batch = await this.#admit(caller, body)
    return { headers: streamHeaders, pieces: this.#pieces(caller, batch) }
  }

  /**
   * Each piece is decided, recorded and looked at for the last time when it is asked for, so what ended while the reader
   * took the one before does not leave. It has its turn until it has left. What a token does not live to see is `later`; when
   * it was taken away the text breaks off.
   */
  async *#pieces(caller: Caller, { subjects, asked }: Batch): AsyncGenerator<string, void, undefined> {
    const summary = { released: 0, unavailable: 0, later: 0 }
    for (let at = 0; at < subjects.length; at += PIECE) {
      const piece = subjects.slice(at, at + PIECE)
      const taken = Promise.withResolvers<void>()
      try {
        const work = () => this.#decide(caller, piece, asked)
        const verdicts = await this.#turns.run(caller.vendorId, piece.length, work, taken.promise)
        let lines = ''
        for (const [i, verdict] of verdicts.entries()) {
          lines += `${rowOf(verdict, piece[i] ?? '')}\n`
          summary[resultOf(verdict)]++
        }
        const done = at + piece.length
        const isLast = done === subjects.length
        yield (
          lines +
            (isLast
              ? `${JSON.stringify({ summary: { subjects: done, ...summary } })}\n`
              : `${JSON.stringify({ progress: { done, of: subjects.length } })}\n`)
        )
      } finally {
        taken.resolve()
      }
    }
  }

  /** When it is the turn of these: a token may have ended, or been taken away, while it waited for it. */
  async #decide(caller: Caller, subjects: readonly string[], asked: Asked): Promise<readonly Verdict[]> {
    await this.#callers.vendorOf(caller.token)
    if (caller.token.expiresAt <= this.#now()) return subjects.map(() => outlived)
    return this.#release.query(caller, subjects, asked)
  }

  async #admit(caller: Caller, body: unknown): Promise<Batch> {
    const { purpose, fields, subjects } = this.#parseBody(body)
    await this.#limits.take(caller.vendorId, subjects.length)
    return { subjects, asked: { purpose, fields: knownFields(fields, (n) => `/fields/${n}`) } }
  }
}

const streamHeaders = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Content-Type': 'application/x-ndjson',
  // A proxy that collects the lines before it passes them on would make the progress a lie.
  'X-Accel-Buffering': 'no',
  Vary: 'Accept',
}

const outlived = {
  kind: 'later',
  refusal: new DomainError('invalid-token', 'The access token has ended'),
} as const satisfies Verdict

function refusalOf(verdict: Verdict | undefined): Reply {
  if (verdict?.kind === 'later') throw verdict.refusal
  if (verdict?.kind === 'not-granted')
    throw new DomainError(
      'purpose-not-granted',
      'The grant is live, but none of these fields is granted for this purpose: /v1/grants tells what is',
    )
  return subjectUnavailable
}

function resultOf({ kind }: Verdict): 'released' | 'unavailable' | 'later' {
  return kind === 'not-granted' ? 'unavailable' : kind
}

function rowOf(verdict: Verdict, subject: string): string {
  if (verdict.kind === 'released') return verdict.text
  return refusedRow(subject, verdict.kind === 'later' ? 'later' : 'subject-unavailable')
}

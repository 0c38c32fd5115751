import type { LogReader } from '#core/ledger/ledger.ts'
import { proveEntry } from '#core/ledger/proof.ts'
import type { Disclosure } from '#schemas/types.gen.ts'
import { jsonReply, unchangedReply } from '../reply.ts'
import type { Reply } from '../reply.ts'
import type { Verdict } from './release.ts'

/** How the asker of one subject wants the answer. */
export interface Wanted {
  /** `Accept` prefers JSON-LD. */
  readonly linkedData: boolean
  readonly ifNoneMatch: string | undefined
  /** With the inclusion proof of its entry. */
  readonly proof: boolean
}

type Released = Extract<Verdict, { kind: 'released' }>

/** Makes the replies that hold one disclosure. Each is on record before it comes here, a 304 no less than the values. */
export class SubjectReplies {
  readonly #log: Pick<LogReader, 'tile' | 'bundle'>
  readonly #context: string

  constructor(options: { log: Pick<LogReader, 'tile' | 'bundle'>; contextUrl: string }) {
    this.#log = options.log
    this.#context = `{"@context":${JSON.stringify(options.contextUrl)},`
  }

  async make({ text, tag }: Released, wanted: Wanted): Promise<Reply> {
    // Weak, since the position in the log differs each time (RFC 9110 section 8.8.1).
    const headers = { ETag: `W/"${tag}${wanted.linkedData ? '.ld' : ''}"`, Vary: 'Accept' }
    const unchanged =
      wanted.ifNoneMatch === undefined
        ? undefined
        : unchangedReply(jsonReply(text, headers), wanted.ifNoneMatch)
    if (unchanged !== undefined)
      return { ...unchanged, headers: { ...unchanged.headers, 'Reach-Log': logField(text) } }
    const whole = wanted.proof ? await this.#withProof(text) : text
    if (!wanted.linkedData) return jsonReply(whole, headers)
    return jsonReply(this.#context + whole.slice(1), { ...headers, 'Content-Type': 'application/ld+json' })
  }

  /** `log` stands last in a row: the proof becomes its last member. */
  async #withProof(text: string): Promise<string> {
    if (!text.endsWith('}}}')) throw new Error('a row ends with the salts of its log position')
    const { log }: Disclosure = JSON.parse(text)
    const { index, checkpoint, salts } = log
    const proof = await proveEntry(this.#log, { index, checkpoint, openings: { ...salts } })
    return `${text.slice(0, -2)},"proof":${JSON.stringify(proof)}}}`
  }
}

/** What `log` holds in a reply with a body, as a dictionary of RFC 9651. */
function logField(text: string): string {
  const { log }: Disclosure = JSON.parse(text)
  const { origin, index, checkpoint, salts } = log
  const note = Buffer.from(checkpoint).toString('base64')
  return (
    `index=${index}, origin="${origin}", subject-salt="${salts.subject}", data-salt="${salts.data}", ` +
    `checkpoint=:${note}:`
  )
}

import { hash } from 'node:crypto'
import type { LogReader } from '#core/ledger/ledger.ts'
import { proveEntry } from '#core/ledger/proof.ts'
import type { Disclosure, Grant } from '#schemas/types.gen.ts'
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

  async make({ text, data, reliesOn }: Released, wanted: Wanted): Promise<Reply> {
    const tag = entityTag(reliesOn.grant.value, data, wanted.linkedData)
    const headers = { ETag: tag, Vary: 'Accept' }
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

/**
 * The same values under the same grant have the same tag. Salted with the grant's secret: it tells nobody who does not
 * hold the values anything, also not after they are gone, and two businesses, or two grants, never have the same one.
 * Weak, since the position in the log differs each time (RFC 9110 section 8.8.1).
 */
function entityTag({ secret }: Pick<Grant, 'secret'>, data: string, linkedData: boolean): string {
  const form = linkedData ? 'ld' : 'json'
  return `W/"${hash('sha256', `${secret}:etag:${form}:${data}`, 'base64url').slice(0, 22)}"`
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

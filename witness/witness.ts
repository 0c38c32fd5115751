/** A witness (C2SP tlog-witness): cosigns a log's checkpoint when it continues all that it cosigned before. */
import { openCheckpoint, type Checkpoint } from '#core/ledger/checkpoint.ts'
import type { Cosigner } from '#core/ledger/cosignature.ts'
import { EMPTY_ROOT, HASH_BYTES, isConsistent } from '#core/ledger/merkle.ts'
import { decodeBase64, NoteInvalid, parseNote, parseVkey } from '#core/ledger/note.ts'
import type { WitnessHistory } from './history.ts'

/** As the protocol answers: 200 with signature lines, 409 with a size, or a refusal in words. */
export interface Answer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422
  readonly type: 'text/plain; charset=utf-8' | 'text/x.tlog.size'
  readonly body: string
}

export interface Witness {
  /** `POST add-checkpoint`. */
  add(request: string): Promise<Answer>
  /** The newest cosigned checkpoint of a log, for whoever compares it with what the log shows. */
  latest(origin: string): Promise<string | undefined>
}

const MAX_PROOF_LINES = 63

/**
 * `logs` are the verifier keys of the logs it serves; of one log that has several, in the order in which they followed one another: of
 * one that was followed by another, nothing new is cosigned. `now` is in Unix ms.
 */
export function createWitness({
  logs,
  cosigner,
  history,
  now,
}: {
  logs: readonly string[]
  cosigner: Cosigner
  history: WitnessHistory
  now: () => number
}): Witness {
  const keysOf = Map.groupBy(logs, (vkey) => parseVkey(vkey).name)

  async function add(request: string): Promise<Answer> {
    const submitted = parse(request)
    if (submitted === undefined) return refused(400, 'the request is malformed')
    const { old, proof, note, text } = submitted
    const [origin = ''] = text.split('\n', 1)
    const keys = keysOf.get(origin)
    if (keys === undefined) return refused(404, 'this witness does not know the log')
    const signed = opened(note, keys)
    if (signed === undefined) return refused(403, 'no key of the log signed this checkpoint')
    const { head } = signed
    if (old > head.size) return refused(400, 'the old size is larger than the checkpoint')

    const step = await history.latest(origin)
    const before = step.note === undefined ? nothing(origin) : treeOf(step.note, keys)
    if (signed.newest < before.newest) return refused(403, 'the key was followed by another one')
    const seen = before.head
    if (old !== seen.size) return sizeAnswer(seen.size)
    if (seen.size === head.size && !seen.root.equals(head.root)) return sizeAnswer(seen.size)
    if (!isConsistent(seen, head, proof)) return refused(422, 'the proof does not fit the two trees')
    if (step.note === undefined || head.size > seen.size) {
      const isOurs = await history.advance(origin, step, note)
      if (!isOurs) return sizeAnswer(treeOf((await history.latest(origin)).note ?? '', keys).head.size)
    }
    return answer(200, cosigner.cosign(text, Math.floor(now() / 1000)))
  }

  const latest = async (origin: string): Promise<string | undefined> =>
    keysOf.has(origin) ? (await history.latest(origin)).note : undefined

  return { add, latest }
}

interface Submitted {
  readonly old: number
  readonly proof: readonly Buffer[]
  readonly note: string
  readonly text: string
}

function parse(request: string): Submitted | undefined {
  const end = request.indexOf('\n\n')
  if (end < 0) return undefined
  const [first = '', ...lines] = request.slice(0, end).split('\n')
  const old = /^old (0|[1-9]\d{0,15})$/.exec(first)?.[1]
  const proof = lines.map(decodeBase64).filter((hash) => hash?.length === HASH_BYTES)
  if (old === undefined || !Number.isSafeInteger(Number(old))) return undefined
  if (proof.length !== lines.length || proof.length > MAX_PROOF_LINES) return undefined
  const note = request.slice(end + 2)
  try {
    return { old: Number(old), proof: proof as Buffer[], note, text: parseNote(note).text }
  } catch (error) {
    if (error instanceof NoteInvalid) return undefined
    throw error
  }
}

interface Signed {
  readonly head: Checkpoint
  /** Place of the newest key that signed it. */
  readonly newest: number
}

function opened(note: string, keys: readonly string[]): Signed | undefined {
  for (const [at, vkey] of [...keys.entries()].toReversed()) {
    try {
      return { head: openCheckpoint(note, vkey), newest: at }
    } catch (error) {
      if (!(error instanceof NoteInvalid)) throw error
    }
  }
  return undefined
}

/** What this witness wrote itself and can no longer read is no reason to begin anew. */
function treeOf(note: string, keys: readonly string[]): Signed {
  const tree = opened(note, keys)
  if (tree === undefined) throw new Error('the kept checkpoint is damaged, or its key is no longer known')
  return tree
}

const nothing = (origin: string): Signed => ({ head: { origin, size: 0, root: EMPTY_ROOT }, newest: 0 })

function answer(status: Answer['status'], body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body }
}

const refused = (status: 400 | 403 | 404 | 422, why: string): Answer => answer(status, `${why}\n`)

function sizeAnswer(size: number): Answer {
  return { status: 409, type: 'text/x.tlog.size', body: `${size}\n` }
}

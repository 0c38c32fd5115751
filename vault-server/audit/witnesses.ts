/** Asks witnesses to cosign the log's checkpoints (C2SP tlog-witness, the log's side). */
import { readFile } from 'node:fs/promises'
import { ConfigError } from '#core/config.ts'
import { every } from '#core/jobs/every.ts'
import { sizeOf } from '#core/ledger/checkpoint.ts'
import { cosignaturesIn } from '#core/ledger/cosignature.ts'
import type { LogReader } from '#core/ledger/ledger.ts'
import { vkeysUnder } from '#core/ledger/log-keys.ts'
import { consistencyProof } from '#core/ledger/merkle.ts'
import { parseNote } from '#core/ledger/note.ts'
import { hasQuorum, parsePolicy, PolicyInvalid, type Policy, type Witness } from '#core/ledger/policy.ts'
import type { Logger } from '#core/logger.ts'
import type { ShownCheckpoint, ShownCheckpoints } from '#core/records/shown-checkpoints.ts'

const ASK_EVERY_MS = 500
/** Rounds for which a witness that fails again and again is left alone at most: half a minute. */
const MOST_LEFT_OUT = 60
/** A log that shows nothing new for want of witnesses hides more than one that shows it without them. */
const PATIENCE_MS = 60_000

interface Published {
  readonly size: number
  readonly note: string
}

/**
 * The log as it is served where witnesses watch it: its checkpoint is the newest that a quorum cosigned, or
 * the newest there is when no quorum answered for a minute; never one of fewer entries than before. Disposing
 * stops the asking.
 */
export function witnessedLog({
  source,
  policy,
  fetch,
  now,
  log,
  together,
}: {
  source: LogReader
  policy: Policy
  fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Unix ms. */
  now: () => number
  log: Logger
  /** What other processes of this log have shown; undefined where there are none. */
  together?: ShownCheckpoints | undefined
}): LogReader & AsyncDisposable {
  const witnesses = policy.witnesses.filter(({ url }) => url !== undefined)
  /** What each witness cosigned last, by its name. */
  const sizes = new Map<string, number>()
  let published: Published | undefined
  let waitingSince: number | undefined
  let askedFor = -1
  /** Those whose answer is still to come: they are not asked again before, and a quorum of others does not wait for them. */
  const owing = new Set<string>()
  /** How many rounds those that failed are still left out, and how many the last time. */
  const failed = new Map<string, { left: number; rounds: number }>()
  /** Entries that were shown without witnesses: to show fewer would look like a rewind. */
  let shown = 0

  async function askAll(): Promise<void> {
    const note = await source.newest()
    const size = sizeOf(note)
    if (size === 0 || size === askedFor) return
    await learn()
    waitingSince ??= now()
    const lines = new Map<string, readonly string[]>()
    const quorum = Promise.withResolvers<void>()
    const free = witnesses.filter(({ name }) => !owing.has(name) && !isLeftOut(name))
    const all = Promise.all(
      free.map(async (witness) => {
        const given = await askOnce(witness, note)
        if (given.length === 0) return
        lines.set(witness.name, given)
        if (!hasQuorum(policy, lines.keys()) || size < (published?.size ?? 0)) return
        const cosigned = note + [...lines.values()].flat().join('')
        await together?.show({ note: cosigned, isCosigned: true })
        if (size < (published?.size ?? 0)) return
        published = { size, note: cosigned }
        quorum.resolve()
      }),
    )
    await Promise.race([all, quorum.promise])
    if (published?.size !== size) return
    askedFor = size
    waitingSince = undefined
  }

  /** What another process got cosigned is as good. */
  async function learn(): Promise<void> {
    const { note, isCosigned } = (await together?.newest()) ?? {}
    if (note === undefined || !isCosigned || sizeOf(note) <= (published?.size ?? 0)) return
    published = { size: sizeOf(note), note }
    waitingSince = undefined
  }

  function isLeftOut(name: string): boolean {
    const before = failed.get(name)
    return before !== undefined && before.left-- > 0
  }

  async function askOnce(witness: Witness, note: string): Promise<readonly string[]> {
    const { name } = witness
    owing.add(name)
    try {
      const lines = await ask(witness, note)
      failed.delete(name)
      return lines
    } catch (error) {
      const rounds = Math.min(2 * (failed.get(name)?.rounds ?? 0.5), MOST_LEFT_OUT)
      failed.set(name, { left: rounds, rounds })
      if (error instanceof WitnessContradicts) log.error('witness-contradicts', {}, error)
      else log.warn('witness-failed', {}, error)
      return []
    } finally {
      owing.delete(name)
    }
  }

  /** Signature lines of this witness under the note; none where it has a newer one. Throws when it refuses or does not answer. */
  async function ask(witness: Witness, note: string): Promise<readonly string[]> {
    for (let attempt = 1; ; attempt++) {
      const old = sizes.get(witness.name) ?? 0
      const response = await submit(witness, note, old)
      const body = await response.text()
      if (response.status === 200) {
        sizes.set(witness.name, sizeOf(note))
        return cosignaturesIn(body, parseNote(note).text, witness.key)
      }
      const known = response.status === 409 && /^(0|[1-9]\d{0,15})\n$/.test(body) ? Number(body) : undefined
      // Another process of this log was here meanwhile, with what it wrote: no fault of the witness.
      if (known !== undefined && known > sizeOf(note) && sizeOf(await source.newest()) >= known) return []
      // Of this size it has seen another tree, when it refuses to continue just that.
      const isForked = known === old && known === sizeOf(note)
      if (response.status === 422 || isForked || (known !== undefined && known > sizeOf(note)))
        throw new WitnessContradicts('a witness has seen another history of this log, or more of it')
      if (known === undefined || attempt === 2)
        throw new Error(`a witness refuses the checkpoint with ${response.status}`)
      sizes.set(witness.name, known)
    }
  }

  async function submit(witness: Witness, note: string, old: number): Promise<Response> {
    const proof = await consistencyProof(old, sizeOf(note), (level, index, width) =>
      source.tile(level, index, width),
    )
    const lines = proof.map((hash) => `${Buffer.from(hash).toString('base64')}\n`)
    return fetch(`${witness.url}/add-checkpoint`, {
      method: 'POST',
      headers: { 'Content-Type': 'text/plain; charset=utf-8' },
      body: `old ${old}\n${lines.join('')}\n${note}`,
    })
  }

  const asking = every(ASK_EVERY_MS, () =>
    askAll().catch((error: unknown) => log.error('witness-failed', {}, error)),
  )
  function choose(): ShownCheckpoint {
    const isStuck = waitingSince !== undefined && now() - waitingSince > PATIENCE_MS
    if (published !== undefined && !isStuck && published.size >= shown)
      return { note: published.note, isCosigned: true }
    const note = source.checkpoint()
    shown = sizeOf(note)
    return { note, isCosigned: false }
  }
  return {
    origin: source.origin,
    get vkey() {
      return source.vkey
    },
    get keyChanges() {
      return source.keyChanges
    },
    checkpoint: () => choose().note,
    async newest() {
      await source.newest()
      // A ledger that takes nothing keeps nobody from reading the log.
      await learn().catch(() => undefined)
      const own = choose()
      const { note } = (await together?.show(own).catch(() => own)) ?? own
      if (sizeOf(note) > sizeOf(source.checkpoint())) await source.newest()
      return note
    },
    tile: (level, index, width) => source.tile(level, index, width),
    bundle: (index, width) => source.bundle(index, width),
    [Symbol.asyncDispose]: () => asking[Symbol.asyncDispose](),
  }
}

/** The alarm that witnesses are for: this log was rewound, or somebody signs another one with its key. */
class WitnessContradicts extends Error {
  override readonly name = 'WitnessContradicts'
}

/**
 * The policy of `REACH_WITNESSES`, a tlog-policy file with the addresses of the witnesses. Throws `ConfigError`
 * for one that cannot be read, or that no answer of its witnesses could satisfy.
 */
export async function readWitnessPolicy(
  file: string,
  own: Pick<LogReader, 'vkey' | 'keyChanges' | 'checkpoint'>,
): Promise<Policy> {
  const refuse = (problem: string): never => {
    throw new ConfigError('REACH_WITNESSES', problem)
  }
  const text = await readFile(file, 'utf8').catch(() => refuse('names a file that cannot be read'))
  const policy = parseOr(text, (problem) => refuse(`names a policy that is not valid: ${problem}`))
  const reachable = policy.witnesses.filter(({ url }) => url !== undefined).map(({ name }) => name)
  if (!hasQuorum(policy, reachable)) refuse('names a policy whose quorum needs witnesses without an address')
  // While two keys sign, a policy may still name the older one alone.
  const signing = vkeysUnder(own.checkpoint(), own)
  if (policy.logs.length > 0 && !signing.some((vkey) => policy.logs.includes(vkey)))
    refuse('names a policy for other logs than this one')
  return policy
}

function parseOr(text: string, refuse: (problem: string) => never): Policy {
  try {
    return parsePolicy(text)
  } catch (error) {
    if (error instanceof PolicyInvalid) refuse(error.message)
    throw error
  }
}

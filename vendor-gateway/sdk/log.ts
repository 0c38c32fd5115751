/**
 * Checks that what a business was given stands in the vault's public log, and that the log never changes its past.
 * Needs no trust in the vault: what is kept here, and the key of the log, decide.
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import type { Disclosure } from '../../schemas/types.gen.ts'
import { NotProven, openCheckpoint, type LogKey } from '../../core/verifier/checkpoint.ts'
import { checkProof, commitsTo, readProof } from '../../core/verifier/evidence.ts'
import { KeptHead } from '../../core/verifier/kept-head.ts'
import { keysAround, servedKeys } from '../../core/verifier/key-changes.ts'
import { inclusionPath, readEntry } from '../../core/verifier/tiles.ts'
import { isIncluded, leafHash } from '../../core/verifier/tree.ts'
import { noReply, refusalOf } from './errors.ts'

export { NotProven }

/** What is remembered of a log: lose it, and a rewritten log looks like any other. */
export interface KeptLog {
  readonly vkey: string
  /** Newest checkpoint that was verified. */
  readonly note?: string
}

export interface LogStore {
  load(): Promise<KeptLog | undefined>
  save(kept: KeptLog): Promise<void>
}

/** Kept for the life of the process only. */
export function memoryLogStore(): LogStore {
  let kept: KeptLog | undefined
  return {
    load: async () => kept,
    save: async (newer) => {
      kept = newer
    },
  }
}

/** Kept in a file (Node). One process writes it. */
export function fileLogStore(path: string): LogStore {
  return {
    async load() {
      try {
        return JSON.parse(await readFile(path, 'utf8')) as KeptLog
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    async save(kept) {
      await writeFile(`${path}.new`, JSON.stringify(kept))
      await rename(`${path}.new`, path)
    },
  }
}

export interface LogOptions {
  /** Address of the log: `<vault>/log`. */
  readonly url: string
  /** The log's verifier key from a source you trust. Without it the key of the first look counts from then on. */
  readonly vkey?: string
  readonly store: LogStore
  readonly fetch: typeof globalThis.fetch
}

const CACHED_FILES = 512

/** One vault's log as one business sees it. */
export class LogVerifier {
  readonly #options: LogOptions
  readonly #files = new Map<string, Uint8Array>()
  #opened: Promise<KeptHead> | undefined
  #accepted: { readonly note: string; readonly key: LogKey } | undefined
  #size = 0

  constructor(options: LogOptions) {
    this.#options = options
  }

  /** Entries of the log that are known here. What is asked from now on has its entry behind them. */
  get size(): number {
    return this.#size
  }

  /**
   * Holds a reply to the log: its checkpoint is signed and continues all checkpoints before, its entry stands in it, and
   * commits to exactly this subject and data. `asked` is the size when the question was sent: an answer from before is an
   * old one, played again. Throws `NotProven` with what does not hold: then the vault has lied, or somebody between.
   */
  async verify({ subject, data, log }: Disclosure, { asked = 0 }: { asked?: number } = {}): Promise<void> {
    const key = await this.#accept(log.checkpoint)
    if (log.index < asked) throw new NotProven(`entry ${log.index} is older than the question`)
    const values = { subject, data: JSON.stringify(data) }
    if (log.proof === undefined) return this.#verifyFromTiles(log, values, key)
    const proof = readProof(log.proof)
    // Signed is not enough: only the checkpoint of the reply was held to the history that is known here.
    if (proof.index !== log.index || proof.checkpoint !== log.checkpoint)
      throw new NotProven('the proof is of another entry or checkpoint than the reply')
    await checkProof({ ...proof, openings: log.salts }, key, values)
  }

  async #verifyFromTiles(
    { index, checkpoint, salts }: Disclosure['log'],
    values: { subject: string; data: string },
    key: LogKey,
  ): Promise<void> {
    const tree = await openCheckpoint(checkpoint, key)
    const read = (path: string) => this.#read(path)
    const entry = await readEntry(read, index, tree.size)
    const path = await inclusionPath(read, index, tree.size)
    if (!(await isIncluded(await leafHash(entry), index, path, tree)))
      throw new NotProven(`entry ${index} is not in the signed tree`)
    for (const slot of ['subject', 'data'] as const)
      if (!(await commitsTo(entry, slot, salts[slot], values[slot])))
        throw new NotProven(`entry ${index} commits to another ${slot} than the reply has`)
  }

  /** Resolves to the key of the log that signed it. */
  async #accept(note: string): Promise<LogKey> {
    if (this.#accepted?.note === note) return this.#accepted.key
    const { head, key } = await (await this.#ready()).accept(note)
    this.#accepted = { note, key }
    this.#size = Math.max(this.#size, head.size)
    return key
  }

  /** What fails to open is opened again the next time. */
  #ready(): Promise<KeptHead> {
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined
      throw error
    })
    return this.#opened
  }

  async #open(): Promise<KeptHead> {
    const { store, vkey: given } = this.#options
    const kept = await store.load()
    const vkey =
      kept !== undefined && given !== undefined && kept.vkey !== given
        ? await this.#laterOf(given, kept.vkey)
        : (kept?.vkey ?? given ?? (await this.#servedKey()))
    return new KeptHead({
      vkey,
      read: (path) => (path.startsWith('tile/') ? this.#read(path) : this.#fetch(path)),
      store: {
        async load() {
          const stored = await store.load()
          return stored?.note === undefined ? undefined : { note: stored.note, vkey: stored.vkey }
        },
        save: (newer) => store.save(newer),
      },
    })
  }

  /** What was kept may be a later key of the one that is given, or the other way round: the one before may be a thief's by now. */
  async #laterOf(given: string, kept: string): Promise<string> {
    const changes = new TextDecoder().decode(await this.#fetch('key-changes'))
    const { earlier, later } = await keysAround(given, changes)
    if (later.includes(kept)) return kept
    if (earlier.includes(kept)) return given
    throw new NotProven('the log is kept under another key than the one that is given')
  }

  async #servedKey(): Promise<string> {
    const bytes = await this.#fetch('vkey')
    if (bytes === undefined) throw new NotProven('the vault names no key of its log')
    return (await servedKeys(new TextDecoder().decode(bytes)))[0] ?? ''
  }

  /** Files of a log never change, but for the checkpoint; partial ones are soon out of use. */
  async #read(path: string): Promise<Uint8Array | undefined> {
    const cached = this.#files.get(path)
    if (cached !== undefined) return cached
    const bytes = await this.#fetch(path)
    if (bytes === undefined) return undefined
    if (this.#files.size >= CACHED_FILES) {
      const [oldest] = this.#files.keys()
      if (oldest !== undefined) this.#files.delete(oldest)
    }
    this.#files.set(path, bytes)
    return bytes
  }

  async #fetch(path: string): Promise<Uint8Array | undefined> {
    const { url, fetch } = this.#options
    const response = await fetch(`${url}/${path}`, { redirect: 'error' }).catch(noReply)
    if (response.status === 404) return undefined
    if (!response.ok) throw await refusalOf(response)
    return new Uint8Array(await response.arrayBuffer())
  }
}

/**
 * Checks that what a business was given stands in the vault's public log, and that the log never changes its past.
 * Needs no trust in the vault: what is kept here, and the key of the log, decide.
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import type { Disclosure } from '../../schemas/types.gen.ts'
import { NotProven, openCheckpoint, readLogKey, type LogKey } from '../../core/verifier/checkpoint.ts'
import { checkProof, commitsTo, readProof } from '../../core/verifier/evidence.ts'
import { KeptHead } from '../../core/verifier/kept-head.ts'
import { inclusionPath, readEntry } from '../../core/verifier/tiles.ts'
import { isIncluded, leafHash } from '../../core/verifier/tree.ts'
import { refusalOf } from './errors.ts'

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
  #opened: Promise<{ key: LogKey; head: KeptHead }> | undefined
  #accepted = ''

  constructor(options: LogOptions) {
    this.#options = options
  }

  /**
   * Holds a reply to the log: its checkpoint is signed and continues all checkpoints before, its entry stands in it, and
   * commits to exactly this subject and data. Throws `NotProven` with what does not hold: then the vault has lied, or
   * somebody between.
   */
  async verify({ subject, data, log }: Disclosure): Promise<void> {
    const { key, head } = await (this.#opened ??= this.#open())
    if (log.checkpoint !== this.#accepted) {
      await head.accept(log.checkpoint)
      this.#accepted = log.checkpoint
    }
    const values = { subject, data: JSON.stringify(data) }
    if (log.proof === undefined) return this.#verifyFromTiles(log, values, key)
    const proof = readProof(log.proof)
    if (proof.index !== log.index) throw new NotProven('the proof is of another entry than the reply')
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

  async #open(): Promise<{ key: LogKey; head: KeptHead }> {
    const { store, vkey: given } = this.#options
    const kept = await store.load()
    const vkey = given ?? kept?.vkey ?? (await this.#servedKey())
    if (kept !== undefined && kept.vkey !== vkey)
      throw new NotProven('the log is kept under another key than the one that is given')
    const head = new KeptHead({
      vkey,
      read: (path) => this.#read(path),
      store: {
        load: async () => (await store.load())?.note,
        save: (note) => store.save({ vkey, note }),
      },
    })
    return { key: await readLogKey(vkey), head }
  }

  async #servedKey(): Promise<string> {
    const bytes = await this.#fetch('vkey')
    if (bytes === undefined) throw new NotProven('the vault names no key of its log')
    return new TextDecoder().decode(bytes).trim()
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
    const response = await this.#options.fetch(`${this.#options.url}/${path}`, { redirect: 'error' })
    if (response.status === 404) return undefined
    if (!response.ok) throw await refusalOf(response)
    return new Uint8Array(await response.arrayBuffer())
  }
}

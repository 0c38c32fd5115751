/**
 * Remembers the newest head of a log and demands that every later one continues it: without that, whoever runs the log
 * can show everybody another history, and every proof in it holds.
 */
import { openCheckpoint, readLogKey, type LogKey, type TreeHead } from './checkpoint.ts'
import { demandContinued, type ReadFile } from './tiles.ts'

/** Where the newest checkpoint is kept, as the note it came in. */
export interface HeadStore {
  load(): Promise<string | undefined>
  save(note: string): Promise<void>
}

export interface Advance {
  readonly head: TreeHead
  /** Size that was kept before; `undefined` at the first look. */
  readonly since: number | undefined
}

/** One log as one verifier sees it. `vkey` comes from a source that is trusted. */
export class KeptHead {
  readonly #read: ReadFile
  readonly #store: HeadStore
  readonly #key: Promise<LogKey>
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: { vkey: string; read: ReadFile; store: HeadStore }) {
    this.#read = options.read
    this.#store = options.store
    this.#key = readLogKey(options.vkey)
    // Told to whoever asks next.
    this.#key.catch(() => undefined)
  }

  /** Verifies a checkpoint, against the kept one as well, and keeps the newer of the two. Throws `NotProven`. */
  accept(note: string): Promise<Advance> {
    const accepted = this.#turn.then(() => this.#accept(note))
    this.#turn = accepted.catch(() => undefined)
    return accepted
  }

  async #accept(note: string): Promise<Advance> {
    const key = await this.#key
    const head = await openCheckpoint(note, key)
    const kept = await this.#store.load()
    if (kept === undefined) {
      await this.#store.save(note)
      return { head, since: undefined }
    }
    const before = await openCheckpoint(kept, key)
    // Replies overtake each other: an older head must lie on the kept history just as well.
    if (head.size < before.size) await demandContinued(this.#read, head, before)
    else {
      await demandContinued(this.#read, before, head)
      await this.#store.save(note)
    }
    return { head, since: before.size }
  }
}

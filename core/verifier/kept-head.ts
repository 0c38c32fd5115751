/**
 * Remembers the newest head of a log and demands that every later one continues it: without that, whoever runs the log
 * can show everybody another history, and every proof in it holds. Goes on to the log's next key only where the one it trusts says so.
 */
import { fromBase64, toHex } from './bytes.ts'
import { openCheckpoint, readLogKey, type LogKey, type TreeHead } from './checkpoint.ts'
import { keysAround } from './key-changes.ts'
import { demandContinued, type ReadFile } from './tiles.ts'

/** A checkpoint as the note it came in, and the verifier key that it was opened with. */
export interface KeptNote {
  readonly note: string
  readonly vkey: string
}

/** Where the newest checkpoint is kept. */
export interface HeadStore {
  load(): Promise<KeptNote | undefined>
  save(kept: KeptNote): Promise<void>
}

export interface Advance {
  readonly head: TreeHead
  /** Key of the log that signed it. */
  readonly key: LogKey
  /** Size that was kept before; `undefined` at the first look. */
  readonly since: number | undefined
}

/**
 * One log as one verifier sees it. `vkey` comes from a source that is trusted; what `store` holds was opened with it, or with a key of
 * the same log before it.
 */
export class KeptHead {
  readonly #read: ReadFile
  readonly #store: HeadStore
  #vkey: string
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: { vkey: string; read: ReadFile; store: HeadStore }) {
    this.#read = options.read
    this.#store = options.store
    this.#vkey = options.vkey
  }

  /** The key that is trusted now. */
  get vkey(): string {
    return this.#vkey
  }

  /** Verifies a checkpoint, against the kept one as well, and keeps the newer of the two. Throws `NotProven`. */
  accept(note: string): Promise<Advance> {
    const accepted = this.#turn.then(() => this.#accept(note))
    this.#turn = accepted.catch(() => undefined)
    return accepted
  }

  async #accept(note: string): Promise<Advance> {
    const opened = await this.#open(note)
    let before = await this.#kept()
    // After it was followed by another, a key may be a thief's: what it signed must lie below what its successor signs.
    if (opened.isEarlier && (before === undefined || before.size < opened.head.size))
      before = await this.#acceptCurrent(opened.refusal)
    const { head, key, vkey } = opened
    const since = before?.size
    // Replies overtake each other: an older head must lie on the kept history just as well.
    if (before !== undefined && (opened.isEarlier || head.size < before.size))
      await demandContinued(this.#read, head, before)
    else {
      if (before !== undefined) await demandContinued(this.#read, before, head)
      await this.#store.save({ note, vkey })
      this.#vkey = vkey
    }
    return { head, key, since }
  }

  async #kept(): Promise<TreeHead | undefined> {
    const kept = await this.#store.load()
    return kept === undefined ? undefined : openCheckpoint(kept.note, await readLogKey(kept.vkey))
  }

  /** The log's own newest head, under the trusted key or a later one. Throws the refusal where there is none. */
  async #acceptCurrent(refusal: unknown): Promise<TreeHead | undefined> {
    const bytes = await this.#read('checkpoint')
    const note = new TextDecoder().decode(bytes)
    if (bytes === undefined || (await this.#open(note)).isEarlier) throw refusal
    return (await this.#accept(note)).head
  }

  /** With the trusted key, or with one that it vouches for; with the newest that signed, so that an old one is not trusted for ever. */
  async #open(note: string) {
    const key = await readLogKey(this.#vkey)
    const trusted = await openCheckpoint(note, key).then(
      (head) => ({ head, key, vkey: this.#vkey, isEarlier: false, refusal: undefined }),
      (refusal: unknown) => ({ refusal }),
    )
    if ('head' in trusted && !hasLineOfAnother(note, key)) return trusted
    const other = await this.#openAsAnother(note).catch(() => undefined)
    if (other !== undefined && !('head' in trusted && other.isEarlier))
      return { ...other, refusal: trusted.refusal }
    if ('head' in trusted) return trusted
    throw trusted.refusal
  }

  async #openAsAnother(note: string) {
    const changes = await this.#read('key-changes')
    if (changes === undefined) return undefined
    const { earlier, later } = await keysAround(this.#vkey, new TextDecoder().decode(changes))
    for (const vkey of [...later.toReversed(), ...earlier.toReversed()]) {
      const key = await readLogKey(vkey)
      const head = await openCheckpoint(note, key).catch(() => undefined)
      if (head !== undefined) return { head, key, vkey, isEarlier: earlier.includes(vkey) }
    }
    return undefined
  }
}

/** Whether a line of the same log stands there that another Ed25519 key may have made. */
function hasLineOfAnother(note: string, { name, id }: LogKey): boolean {
  return note.split('\n').some((line) => {
    const [dash, signer, base64 = ''] = line.split(' ')
    const bytes = dash === '\u2014' && signer === name ? fromBase64(base64) : undefined
    return bytes?.length === 68 && toHex(bytes.subarray(0, 4)) !== id
  })
}

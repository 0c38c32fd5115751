/** Finds rows whose time is over, a bounded step at a time, so that groups can delete them. */
import { expiryKey, expiryOf, type Stored } from './stored-keys.ts'

const STEP = 256
const INTERVAL = 10_000

export class Expiry {
  readonly #db: Stored
  #next = 0

  constructor(db: Stored) {
    this.#db = db
  }

  /** Keys that had expired at `time` (Unix ms). Looks again after 10 s, or at once while there are more. */
  async due(time: number): Promise<string[]> {
    if (time < this.#next) return []
    const keys: string[] = []
    for await (const stored of this.#db.keys({
      gte: expiryKey(0, ''),
      lt: expiryKey(time + 1, ''),
      limit: STEP,
    }))
      keys.push(expiryOf(stored).key)
    this.#next = keys.length < STEP ? time + INTERVAL : time
    return keys
  }
}

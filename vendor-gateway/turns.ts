import { DomainError } from '#core/domain/errors.ts'

/** Work of one business under way at once, in subjects: enough to fill the groups of the ledger. */
const AT_ONCE = 512
/** Batches of one business that may wait, each with its body in memory. */
const MOST_WAITING = 64

interface Lane {
  weight: number
  readonly waiting: { readonly weight: number; readonly begin: () => void }[]
}

/**
 * Keeps one business from filling the process with its batches: a few run, the rest wait behind one another, and another
 * business's question waits for those few at most, however many there are.
 */
export class Turns {
  readonly #lanes = new Map<string, Lane>()

  /**
   * Runs `work` when it is its turn. `weight` in subjects. The turn lasts until the work is done and, when given, `held`:
   * such as a reply that its reader has not taken yet. A reader who has left when the turn comes (`held` is over by then) gets
   * nothing done: `busy`. Throws `rate-limited` when too much of this business waits.
   */
  async run<Result>(
    vendorId: string,
    weight: number,
    work: () => Promise<Result>,
    held?: Promise<unknown>,
  ): Promise<Result> {
    const lane = this.#lanes.get(vendorId) ?? { weight: 0, waiting: [] }
    this.#lanes.set(vendorId, lane)
    let hasLeft = false
    void held?.finally(() => (hasLeft = true))
    if (lane.waiting.length > 0 || !hasRoom(lane, weight)) await this.#wait(lane, weight)
    else lane.weight += weight
    const end = () => this.#end(vendorId, lane, weight)
    try {
      if (hasLeft) throw new DomainError('busy', 'The reader has left before it was its turn')
      return await work()
    } finally {
      if (held === undefined) end()
      else void held.finally(end)
    }
  }

  #end(vendorId: string, lane: Lane, weight: number): void {
    lane.weight -= weight
    for (let [next] = lane.waiting; next !== undefined && hasRoom(lane, next.weight); [next] = lane.waiting) {
      lane.waiting.shift()
      lane.weight += next.weight
      next.begin()
    }
    if (lane.weight === 0) this.#lanes.delete(vendorId)
  }

  async #wait(lane: Lane, weight: number): Promise<void> {
    if (lane.waiting.length >= MOST_WAITING)
      throw new DomainError('rate-limited', 'Too many batches of this business wait', { retryAfter: 1 })
    await new Promise<void>((begin) => lane.waiting.push({ weight, begin }))
  }
}

/** Whoever is alone may always begin. */
function hasRoom({ weight: taken }: Lane, weight: number): boolean {
  return taken === 0 || taken + weight <= AT_ONCE
}

import { DomainError } from '#core/domain/errors.ts'

/**
 * Exact memory of the proofs that were used, in two generations. A generation lasts as long as one proof can stay
 * acceptable, that is its maximum age PLUS the tolerated lead of the sender's clock: with less, a proof dated ahead could
 * be used again after the turn. Lives in this process; the nonce keeps proofs from being used at another one.
 */
export class ReplayWindow {
  readonly #spanMs: number
  readonly #limit: number
  #young = new Set<string>()
  #old = new Set<string>()
  #turnedAt: number | undefined

  constructor(options: { spanMs: number; limit?: number }) {
    this.#spanMs = options.spanMs
    this.#limit = options.limit ?? 1_000_000
  }

  /**
   * Test and set in one step, so that of equal proofs exactly one gets in. False: it was used before. Throws `busy` when
   * the memory is full: forgetting one early would let it in again.
   */
  enter(proof: string, now: number): boolean {
    this.#turnedAt ??= now
    if (now - this.#turnedAt > this.#spanMs) {
      this.#old = this.#young
      this.#young = new Set()
      this.#turnedAt = now
    }
    if (this.#young.has(proof) || this.#old.has(proof)) return false
    if (this.#young.size >= this.#limit)
      throw new DomainError('busy', 'Too many requests are remembered', { retryAfter: this.#spanMs / 1000 })
    this.#young.add(proof)
    return true
  }
}

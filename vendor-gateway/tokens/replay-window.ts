import { DomainError } from '#core/domain/errors.ts'

/** Proofs that were used, by the key they were made with. */
type Used = Map<string, Set<string>>

/**
 * Exact memory of the proofs that were used, in two generations. A generation lasts as long as one proof can stay
 * acceptable, that is its maximum age PLUS the tolerated lead of the sender's clock: with less, a proof dated ahead could
 * be used again after the turn. Lives in this process; the nonce keeps proofs from being used at another one.
 */
export class ReplayWindow {
  readonly #spanMs: number
  readonly #limit: number
  #young: Used = new Map()
  #old: Used = new Map()
  /** Proofs of the young generation. */
  #size = 0
  #turnedAt: number | undefined

  constructor(options: { spanMs: number; limit?: number }) {
    this.#spanMs = options.spanMs
    this.#limit = options.limit ?? 1_000_000
  }

  /**
   * Test and set in one step, so that of equal proofs exactly one gets in: `jti` is the proof's name among those of the
   * key with this thumbprint. False: it was used before. Throws `busy` when the memory is full: forgetting one early
   * would let it in again.
   */
  enter(thumbprint: string, jti: string, now: number): boolean {
    this.#turnedAt ??= now
    if (now - this.#turnedAt > this.#spanMs) {
      this.#old = this.#young
      this.#young = new Map()
      this.#size = 0
      this.#turnedAt = now
    }
    const young = this.#young.get(thumbprint)
    if (young?.has(jti) === true || this.#old.get(thumbprint)?.has(jti) === true) return false
    if (this.#size >= this.#limit)
      throw new DomainError('busy', 'Too many requests are remembered', { retryAfter: this.#spanMs / 1000 })
    this.#size++
    if (young === undefined) this.#young.set(thumbprint, new Set([jti]))
    else young.add(jti)
    return true
  }
}

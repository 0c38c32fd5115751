import { randomBytes } from 'node:crypto'

const ROTATE_MS = 180_000

/**
 * DPoP nonces (RFC 9449 section 9). Each begins with a random name of this process, so a proof made for one replica, or
 * before a restart, is worth nothing at another replica or afterwards: the replay memory of one process is enough.
 * The current one and the one before it are good, which is between 3 and 6 minutes; comparing costs no computation.
 */
export class ProofNonces {
  readonly #process = randomBytes(12).toString('base64url')
  readonly #now: () => number
  #since: number
  #current: string
  #previous: string | undefined

  constructor(options: { now: () => number }) {
    this.#now = options.now
    this.#since = options.now()
    this.#current = this.#fresh()
  }

  current(): string {
    const age = this.#now() - this.#since
    // A clock set back makes old proofs young again: no nonce from before may then be good.
    const keepsPrevious = age >= 0 && age < 2 * ROTATE_MS
    if (age >= ROTATE_MS || age < 0) {
      this.#previous = keepsPrevious ? this.#current : undefined
      this.#current = this.#fresh()
      this.#since += age
    }
    return this.#current
  }

  isGood(nonce: unknown): boolean {
    return nonce === this.current() || (nonce !== undefined && nonce === this.#previous)
  }

  #fresh(): string {
    return `${this.#process}.${randomBytes(9).toString('base64url')}`
  }
}

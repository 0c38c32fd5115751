import type { VerifyKey } from './signature.ts'

/** Replaced only by the benchmark, which compares ways of checking a signature. */
export type SignatureCheck = (jws: string, lastDot: number, key: VerifyKey) => boolean | Promise<boolean>

interface Waiting {
  readonly jws: string
  readonly lastDot: number
  readonly key: VerifyKey
  readonly resolve: (isSigned: boolean | Promise<boolean>) => void
  readonly reject: (error: unknown) => void
}

/**
 * Checks the signatures of all requests that one turn of the event loop brought, one right after another: between the rest of
 * two requests each would find the processor's caches full of something else. What follows is then done side by side for all
 * of them, too. No timer: whoever is alone waits for the end of the turn, and for nobody.
 */
export class SignatureRow {
  readonly #isSigned: SignatureCheck
  #waiting: Waiting[] = []

  constructor(isSigned: SignatureCheck) {
    this.#isSigned = isSigned
  }

  check(jws: string, lastDot: number, key: VerifyKey): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ jws, lastDot, key, resolve, reject }) === 1) setImmediate(() => this.#run())
    })
  }

  #run(): void {
    const row = this.#waiting
    this.#waiting = []
    for (const { jws, lastDot, key, resolve, reject } of row)
      try {
        resolve(this.#isSigned(jws, lastDot, key))
      } catch (error) {
        reject(error)
      }
  }
}

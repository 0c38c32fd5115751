import { createNames } from '#core/records/names.ts'
import { AccessTokenVerifier } from '../vendor-gateway/tokens/access-token.ts'
import { Authenticator } from '../vendor-gateway/tokens/authenticate.ts'
import { Challenges } from '../vendor-gateway/tokens/challenge.ts'
import { ProofNonces } from '../vendor-gateway/tokens/nonce.ts'
import { ProofVerifier } from '../vendor-gateway/tokens/proof.ts'
import { RefusalLog } from '../vendor-gateway/vendor/refusal-log.ts'
import { Release } from '../vendor-gateway/vendor/release.ts'
import { newKey, proofFor } from './business.ts'
import { askingOf, keySetOf, openHouse, vaultUrl } from './house.ts'
import type { BenchHouse } from './house.ts'
import { asked } from './requests.ts'
import type { Asking } from './requests.ts'
import { cpuSeconds } from './samples.ts'
import type { Samples } from './samples.ts'

const IN_FLIGHT = 64
const gatewayUrl = 'https://gateway.example'

/** The gateway without HTTP, in this process: who asks, and what they get, out of a ledger on disk. */
export class CoreBench implements AsyncDisposable {
  readonly #house: BenchHouse
  readonly #businesses: readonly Asking[]
  readonly #nonces = new ProofNonces({ now: Date.now })
  readonly #authenticator: Authenticator
  readonly #release: Release
  readonly #refusals: RefusalLog

  static async open(): Promise<CoreBench> {
    const house = await openHouse({ customers: 200, vendors: 8 })
    return new CoreBench(house, createNames(await house.options.keys.secret('names')))
  }

  private constructor(house: BenchHouse, names: ReturnType<typeof createNames>) {
    this.#house = house
    const { ledger, pods, now, log } = house.options
    const issuer = { url: `${vaultUrl}/oauth`, audience: gatewayUrl, key: newKey() }
    this.#businesses = askingOf(issuer, house.seats)
    const challenges = new Challenges({ metadataUrl: gatewayUrl })
    const tokens = new AccessTokenVerifier({
      issuer: issuer.url,
      audience: gatewayUrl,
      keys: keySetOf(issuer),
      now,
      challenges,
    })
    const proofs = new ProofVerifier({ now, nonces: this.#nonces, challenges })
    this.#authenticator = new Authenticator({ tokens, proofs, nonces: this.#nonces, challenges, ledger })
    this.#refusals = new RefusalLog({ ledger, now, log })
    this.#release = new Release({ ledger, names, pods, refusals: this.#refusals, now })
  }

  /** Without `samples` to warm up. */
  async measure(samples: Samples | undefined, count: number): Promise<void> {
    const [authenticate, release] = [await this.#rate(count, false), await this.#rate(count, true)]
    samples?.add('authenticate, no HTTP', { rate: authenticate })
    samples?.add('authenticate + release, no HTTP', { rate: release })
  }

  async #rate(count: number, releases: boolean): Promise<number> {
    const calls = Array.from({ length: count }, (_, i) => this.#call(i))
    const waiting = calls.values()
    const run = async () => {
      for (const { business, subject, proof } of waiting) {
        const url = `${gatewayUrl}/v1/subjects/${subject}`
        const authorization = `DPoP ${business.token}`
        const caller = await this.#authenticator.authenticate({ authorization, proof, method: 'GET', url })
        if (!releases) continue
        const [verdict] = await this.#release.query(caller, [subject], asked)
        if (verdict?.kind !== 'released') throw new Error(`nothing was released: ${verdict?.kind}`)
      }
    }
    const before = process.cpuUsage()
    await Promise.all(Array.from({ length: IN_FLIGHT }, run))
    return count / cpuSeconds(process.cpuUsage(before))
  }

  #call(i: number): { business: Asking; subject: string; proof: string } {
    const business = this.#businesses[i % this.#businesses.length]
    const subject = business?.subjects[i % business.subjects.length]
    if (business === undefined || subject === undefined) throw new Error('the house is empty')
    const url = `${gatewayUrl}/v1/subjects/${subject}`
    return {
      business,
      subject,
      proof: proofFor(business, { method: 'GET', url, nonce: this.#nonces.current() }),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#refusals[Symbol.asyncDispose]()
    await this.#house[Symbol.asyncDispose]()
  }
}

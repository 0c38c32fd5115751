import { vaultUrl, askingOf } from './house.ts'
import type { SigningKey } from './business.ts'
import type { Judged } from './load.ts'
import { Mix } from './mix.ts'
import { valuesOf } from './pods.ts'
import type { Profile } from './profile.ts'
import { asked, batchRequests, nonceOf, singleRequests } from './requests.ts'
import type { Asking, Target } from './requests.ts'
import type { Samples } from './samples.ts'
import type { Measured, ServerProcess } from './server-process.ts'
import type { Variant } from './server.ts'

/** Above what any gateway answers in a second: so many proofs are made for each. */
const PER_SECOND = 9_000
const SUBJECTS_PER_SECOND = 120_000
/** Of the time of a measurement. */
const LEAD_IN = 0.25
/** Replies of one measurement that are kept to be held against the log. */
const KEPT = 20

interface Door extends Target {
  readonly port: number
  readonly asking: readonly Asking[]
}

/** All measurements of one server process over HTTP. */
export class GatewayBench {
  readonly #server: ServerProcess
  readonly #issuerKey: SigningKey
  readonly #samples: Samples
  readonly #seconds: number
  readonly #place: ReadonlyMap<string, number>
  readonly #doors = new Map<Variant, Door>()
  readonly #kept: string[] = []
  #mixes = 0

  /** `seconds`: how long each measurement of a round takes. */
  constructor(server: ServerProcess, issuerKey: SigningKey, samples: Samples, seconds: number) {
    this.#server = server
    this.#issuerKey = issuerKey
    this.#samples = samples
    this.#seconds = seconds
    this.#place = new Map(
      server.ready.seats.flatMap(({ leaving, subjects }) =>
        [...leaving.flat(), ...subjects].map((subject, n) => [subject, n] as const),
      ),
    )
  }

  async singles(variant: Variant, names: Readonly<Record<string, number>>): Promise<void> {
    const isOffRecord = variant === 'unrecorded'
    const load = await this.#singleLoad(variant, (1 + LEAD_IN) * Object.keys(names).length)
    let from = 0
    for (const [name, connections] of Object.entries(names))
      from = await this.#measure(name, { ...load, connections, seconds: this.#seconds, isOffRecord }, from)
  }

  /** `accept` of lines: the same as a stream. */
  async batches(variant: Variant, name: string, size: number, accept = 'application/json'): Promise<void> {
    const load = await this.#batchLoad(variant, { size, accept, seconds: (1 + LEAD_IN) * this.#seconds })
    await this.#measure(name, { ...load, seconds: this.#seconds })
  }

  /** What the engine compiles anew when the load changes is not what the load costs: the first part of it nobody counts. */
  async #measure(name: string, load: Measured, from = 0): Promise<number> {
    const leadIn = { ...load, seconds: LEAD_IN * load.seconds }
    const { used } = await this.#server.measure(undefined, name, leadIn, from)
    return (await this.#server.measure(this.#samples, name, load, used)).used
  }

  async bare(kind: 'default' | 'lean'): Promise<void> {
    const load = await this.#bareLoad(kind, (1 + LEAD_IN) * this.#seconds)
    await this.#measure(`bare Express, ${kind}`, { ...load, seconds: this.#seconds })
  }

  /** As in the field: all sorts of requests, with some customers leaving in the middle. Fails when one reply is wrong. */
  async mix(name: string): Promise<string> {
    const { port, asking, gatewayUrl, nonce } = await this.#door('der')
    const mix = new Mix(asking, this.#seconds * 4_000, { gatewayUrl, nonce, round: this.#mixes++ })
    const { entries: before } = await this.#server.stats()
    const load: Measured = {
      port,
      requests: mix.requests,
      connections: 32,
      seconds: this.#seconds,
      isExpected: mix.isExpected,
      judge: mix.judge,
      judgeEvery: 1,
      isOffRecord: true,
    }
    const [, left] = await Promise.all([
      this.#server.measure(this.#samples, name, load),
      mix.withdraw(this.#server, this.#seconds * 500),
    ])
    const gained = (await this.#server.stats()).entries - before - left
    if (gained < mix.served || gained > mix.served + mix.heldBack)
      throw new Error(`the mix served ${mix.served} customers, but ${gained} disclosures are in the log`)
    this.#server.served += gained + left
    return `${mix.served} customers served in the mix, ${left} grants withdrawn meanwhile: nothing left after that`
  }

  /** Requests that come in whether or not the server keeps up, at half of what it can do: what a business waits. */
  async openLoop(name: string): Promise<void> {
    const load = { ...(await this.#singleLoad('der', 2)), connections: 64, seconds: this.#seconds }
    const { done, used } = await this.#server.measure(undefined, name, load)
    const perSecond = done / this.#seconds / 2
    await this.#server.measure(this.#samples, name, { ...load, perSecond }, used)
  }

  /** Load that nobody counts, until the engine has compiled what is hot. */
  async warmUp(seconds: number): Promise<void> {
    for (const kind of ['default', 'lean'] as const)
      await this.#server.measure(undefined, 'warm-up', await this.#bareLoad(kind, seconds / 4))
    for (const variant of ['der', 'p1363', 'jose', 'unrecorded'] as const) {
      const share = variant === 'der' ? seconds : seconds / 4
      const load = await this.#singleLoad(variant, share / this.#seconds)
      const isOffRecord = variant === 'unrecorded'
      await this.#server.measure(undefined, 'warm-up', {
        ...load,
        connections: 64,
        seconds: share,
        isOffRecord,
      })
    }
    for (const variant of ['der', 'unrecorded'] as const)
      for (const accept of ['application/json', 'application/x-ndjson']) {
        const load = await this.#batchLoad(variant, { size: 100, accept, seconds: seconds / 8 })
        await this.#server.measure(undefined, 'warm-up', load)
      }
  }

  async profile(): Promise<Profile> {
    const load = { ...(await this.#singleLoad('der', 1)), connections: 64, seconds: this.#seconds }
    return this.#server.profile(() => this.#server.measure(undefined, 'profile', load))
  }

  /** Holds the replies that were kept against the log; gives how many. */
  prove(): Promise<number> {
    return this.#server.prove(this.#kept)
  }

  async #bareLoad(kind: 'default' | 'lean', seconds: number): Promise<Measured> {
    const port = this.#server.ready.bare[kind]
    const { asking, gatewayUrl, nonce } = await this.#door('der')
    // As varied as those of the gateway; nobody looks whether a proof comes again.
    const some = singleRequests(asking, 1000, { gatewayUrl, nonce }, '/bare')
    const requests = Array.from({ length: Math.ceil(seconds * 60) }, () => some).flat()
    return { port, requests, connections: 64, seconds, isOffRecord: true }
  }

  async #batchLoad(
    variant: Variant,
    { size, accept, seconds }: { size: number; accept: string; seconds: number },
  ): Promise<Measured> {
    const { port, asking, gatewayUrl, nonce } = await this.#door(variant)
    // Those under way at the end of each part come on top.
    const count = (seconds * SUBJECTS_PER_SECOND) / size + 4 * 16
    return {
      port,
      requests: batchRequests(asking, count, { gatewayUrl, nonce, size, accept }),
      connections: 16,
      seconds,
      customers: size,
      judge: ({ body }) => body.split('"grant_id":').length === size + 1,
      judgeEvery: 1,
      isOffRecord: variant === 'unrecorded',
    }
  }

  async #singleLoad(variant: Variant, slices: number): Promise<Omit<Measured, 'connections' | 'seconds'>> {
    const { port, asking, gatewayUrl, nonce } = await this.#door(variant)
    const requests = singleRequests(asking, PER_SECOND * this.#seconds * slices, { gatewayUrl, nonce })
    let kept = variant === 'unrecorded' ? KEPT : 0
    const judge = ({ body }: Judged): boolean => {
      if (kept++ < KEPT) this.#kept.push(body)
      return this.#isTrue(body)
    }
    return { port, requests, judge }
  }

  /** Compares a reply with the values that the pod really holds. */
  #isTrue(body: string): boolean {
    const { subject, data }: { subject: string; data: Record<string, unknown> } = JSON.parse(body)
    const values = valuesOf(this.#place.get(subject) ?? -1)
    const expected = Object.fromEntries(asked.fields.map((id) => [id, values[id]]))
    return JSON.stringify(data) === JSON.stringify(expected)
  }

  /** With fresh tokens when there are none yet, and the nonce of this moment. */
  async #door(variant: Variant): Promise<Door> {
    const port = this.#server.ready.gateways[variant]
    const gatewayUrl = `http://127.0.0.1:${port}`
    const issuer = { url: `${vaultUrl}/oauth`, audience: gatewayUrl, key: this.#issuerKey }
    const asking = this.#doors.get(variant)?.asking ?? askingOf(issuer, this.#server.ready.seats)
    const [first] = asking
    if (first === undefined) throw new Error('there is no business')
    const door = { port, asking, gatewayUrl, nonce: await nonceOf(first, gatewayUrl, port) }
    this.#doors.set(variant, door)
    return door
  }
}

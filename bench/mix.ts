import { setTimeout as sleep } from 'node:timers/promises'
import type { Judged, Load } from './load.ts'
import { batchRequests, pick, singleRequest } from './requests.ts'
import type { Asking, Target } from './requests.ts'
import type { ServerProcess } from './server-process.ts'

const BATCH = 100
/** By so many requests earlier: two at once with one proof would be a race that either may win. */
const LONG_ANSWERED = 500

/** What may be asked, how often in a hundred, and which replies are right before and after the leaving ones have left. */
const kinds = [
  { name: 'any customer', weight: 40, right: [200] },
  { name: 'customers who are asked for often', weight: 40, right: [200] },
  { name: 'batch', weight: 10, right: [200] },
  { name: 'nobody of hers', weight: 5, right: [404] },
  { name: 'leaving', weight: 3, right: [200, 404] },
  { name: 'bad signature', weight: 1, right: [401] },
  { name: 'used before', weight: 1, right: [401] },
] as const
type Kind = (typeof kinds)[number]['name']

const dice = kinds.flatMap(({ name, weight }) => Array<Kind>(weight).fill(name))
const right = new Map<Kind, readonly number[]>(kinds.map((kind) => [kind.name, kind.right]))

/**
 * All sorts of requests at once, while some customers withdraw: every reply must be right for its kind, and no success may
 * answer a request that was sent after the withdrawals were confirmed.
 */
export class Mix {
  readonly requests: readonly Buffer[]
  /** Customers whose data was sent. */
  served = 0
  /** Requests for somebody who leaves that got nothing; of these some may be on record. */
  heldBack = 0
  readonly #kinds: Kind[] = []
  #left = Infinity

  constructor(businesses: readonly Asking[], count: number, target: Target & { round: number }) {
    const requests: Buffer[] = []
    while (requests.length < count) {
      const earlier = requests.length - LONG_ANSWERED
      const used = this.#kinds[earlier] === 'any customer' ? requests[earlier] : undefined
      const rolled = pick(dice)
      const kind = rolled === 'used before' && used === undefined ? 'bad signature' : rolled
      this.#kinds.push(kind)
      requests.push(kind === 'used before' && used ? used : requestOf(kind, pick(businesses), target))
    }
    this.requests = requests
  }

  readonly isExpected: NonNullable<Load['isExpected']> = ({ n, status, sentAt }) => {
    const kind = this.#kinds[n] ?? 'any customer'
    if (status === 200) this.served += kind === 'batch' ? BATCH : 1
    if (kind === 'leaving' && status === 404) this.heldBack++
    if (kind === 'leaving' && sentAt > this.#left) return status === 404
    return right.get(kind)?.includes(status) === true
  }

  /** A batch holds a row for each, all of them released. */
  readonly judge = ({ n, body }: Judged): boolean =>
    this.#kinds[n] !== 'batch' || body.split('"grant_id"').length === BATCH + 1

  /** Lets those who leave withdraw, `after` so many ms; gives how many did. */
  async withdraw(server: ServerProcess, after: number): Promise<number> {
    await sleep(after)
    const count = await server.withdraw()
    this.#left = performance.now()
    return count
  }
}

function requestOf(kind: Kind, business: Asking, target: Target & { round: number }): Buffer {
  const single = (subject: string) => singleRequest(business, subject, target)
  switch (kind) {
    case 'batch': {
      const [request] = batchRequests([business], 1, { ...target, size: BATCH })
      if (request === undefined) throw new Error('one request was asked for')
      return request
    }
    case 'customers who are asked for often':
      return single(often(business.subjects))
    case 'nobody of hers':
      return single('x'.repeat(43))
    case 'leaving':
      return single(pick(business.leaving[target.round] ?? []))
    case 'bad signature':
      return spoiled(single(pick(business.subjects)))
    default:
      return single(pick(business.subjects))
  }
}

/** Zipf's law: the n-th as often as 1/n. */
function often(subjects: readonly string[]): string {
  const subject = subjects[Math.floor(subjects.length ** Math.random()) - 1]
  if (subject === undefined) throw new Error('there is nobody to ask for')
  return subject
}

/** Another character in the middle of the proof's signature. */
function spoiled(request: Buffer): Buffer {
  const text = request.toString('latin1')
  const at = text.indexOf('\r\n', text.indexOf('DPoP: ')) - 40
  return Buffer.from(text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1), 'latin1')
}

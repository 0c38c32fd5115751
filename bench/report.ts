import type { Profile } from './profile.ts'
import type { Samples } from './samples.ts'

/** What one ratio of a run came to. Rates themselves are never compared. */
export interface Verdict {
  readonly ratio: number
  readonly floor: number
  readonly goal: number
  /** Least is best. */
  readonly isCost: boolean
  readonly holds: boolean
}

interface Bounds {
  readonly floor: number
  readonly goal: number
  readonly isCost?: boolean
}

/** A ratio of two rates. The keys are for programs that compare runs: they stay as they are. */
interface Target extends Bounds {
  readonly name: string
  readonly base: string
  /** 1 - name / base: the share of the CPU that `name` has and `base` has not. */
  readonly isShare?: boolean
}

const gateway = 'gateway, 64 connections'
const single = 'gateway, 16 connections'
const der = 'ES256 verify, DER'

/** Below what a quiet machine gives, with room for noise. */
const targets: Readonly<Record<string, Target>> = {
  'authenticate/der': { name: 'authenticate, no HTTP', base: der, floor: 0.6, goal: 0.85 },
  'core/der': { name: 'authenticate + release, no HTTP', base: der, floor: 0.38, goal: 0.55 },
  'gateway/der': { name: gateway, base: der, floor: 0.22, goal: 0.35 },
  'gateway/bare': { name: gateway, base: 'bare Express, default', floor: 0.22, goal: 0.35 },
  'gateway/p1363': { name: gateway, base: 'gateway with p1363', floor: 1.15, goal: 1.5 },
  'gateway/jose': { name: gateway, base: 'gateway with jose', floor: 1.3, goal: 1.8 },
  'batch-10/single': { name: 'gateway, batches of 10', base: single, floor: 3.5, goal: 5 },
  'batch-100/single': { name: 'gateway, batches of 100', base: single, floor: 6, goal: 12 },
  'batch-1000/single': { name: 'gateway, batches of 1000', base: single, floor: 6, goal: 15 },
  'stream-1000/single': { name: 'gateway, streams of 1000', base: single, floor: 6, goal: 15 },
  'record/gateway': {
    name: gateway,
    base: 'no record, 64 connections',
    isShare: true,
    floor: 0.2,
    goal: 0.1,
    isCost: true,
  },
  'record/batch-1000': {
    name: 'gateway, batches of 1000',
    base: 'no record, batches of 1000',
    isShare: true,
    floor: 0.75,
    goal: 0.5,
    isCost: true,
  },
  'anchor/gateway': {
    name: gateway,
    base: 'no anchor, 64 connections',
    isShare: true,
    floor: 0.15,
    goal: 0.05,
    isCost: true,
  },
  'gateway/pod-server': { name: gateway, base: 'pod server, one GET', floor: 20, goal: 40 },
}

/** The same for the ledger alone, by the keys of its ratios. */
const ledgerBounds: Readonly<Record<string, Bounds>> = {
  'entry-in-256': { floor: 0.15, goal: 0.08, isCost: true },
  'latency-1': { floor: 5, goal: 3, isCost: true },
  'rate-16': { floor: 0.16, goal: 0.35 },
  'rate-256': { floor: 0.18, goal: 0.4 },
}

/** Verdicts on what was measured, by key. */
export function verdictsOf(
  samples: Samples,
  ledger: ReadonlyMap<string, number>,
): Readonly<Record<string, Verdict>> {
  const names = samples.names()
  const ofRates = Object.entries(targets)
    .filter(([, { name, base }]) => names.includes(name) && names.includes(base))
    .map(([key, target]) => {
      const ratio = samples.ratio(target.name, target.base)
      return [key, verdict(target.isShare ? 1 - ratio : ratio, target)]
    })
  const ofLedger = Object.entries(ledgerBounds).flatMap(([key, bounds]) => {
    const ratio = ledger.get(key)
    return ratio === undefined ? [] : [[`ledger-${key}`, verdict(ratio, bounds)]]
  })
  return Object.fromEntries([...ofRates, ...ofLedger])
}

const tokenKeys = {
  'token-client-credentials/der': 'client credentials',
  'token-pushed-request/der': 'pushed request',
  'token-code/der': 'code',
  'token-refresh/der': 'refresh',
} as const

/** The ways to the token endpoint against one signature check, by key. They have no floor. */
export function tokenRatiosOf(samples: Samples): Readonly<Record<string, number>> {
  const names = samples.names()
  return Object.fromEntries(
    Object.entries(tokenKeys)
      .map(([key, name]) => [key, `token endpoint, ${name}`] as const)
      .filter(([, name]) => names.includes(name) && names.includes(der))
      .map(([key, name]) => [key, samples.ratio(name, der)]),
  )
}

function verdict(ratio: number, { floor, goal, isCost = false }: Bounds): Verdict {
  return { ratio, floor, goal, isCost, holds: isCost ? ratio <= floor : ratio >= floor }
}

/** One line per measurement: rate per CPU second, and its ratios to the controls; p99 also as a multiple of p50. */
export function tableOf(samples: Samples): string {
  const bases = [der, 'bare Express, default', 'gateway with jose']
  const head = ['per CPU second', 'rate', 'us', '/DER', '/bare', '/jose', 'p50 ms', 'p99 ms', 'p99/p50']
  const lines = samples.names().map((name) => {
    const { rate, p50, p99 } = samples.median(name)
    const ratios = bases.map((base) =>
      samples.names().includes(base) ? samples.ratio(name, base).toFixed(2) : '',
    )
    const latency =
      p50 === undefined || p99 === undefined ? [] : [p50.toFixed(2), p99.toFixed(2), (p99 / p50).toFixed(1)]
    return [name, rate.toFixed(0), (1e6 / rate).toFixed(1), ...ratios, ...latency]
  })
  return [head, ...lines].map(aligned).join('\n')
}

/** How far each ratio is from its goal. */
export function verdictTableOf(verdicts: Readonly<Record<string, Verdict>>): string {
  const head = ['ratio', 'measured', 'floor', 'goal', 'of goal', '']
  const lines = Object.entries(verdicts).map(([key, { ratio, floor, goal, isCost, holds }]) => [
    key,
    ...[ratio, floor, goal].map((one) => one.toFixed(2)),
    isCost ? (ratio <= goal ? '' : `+${(ratio - goal).toFixed(2)}`) : `${Math.round((100 * ratio) / goal)} %`,
    holds ? ((isCost ? ratio <= goal : ratio >= goal) ? 'goal' : 'ok') : 'MISSED',
  ])
  return [head, ...lines].map(aligned).join('\n')
}

export function profileTableOf(title: string, profile: Profile): string {
  const lines = profile.map(({ where, share }) => aligned([where, `${(100 * share).toFixed(1)} %`]))
  return [title, ...lines].join('\n')
}

function aligned([name = '', ...cells]: readonly string[]): string {
  return name.padEnd(44) + cells.map((cell) => cell.padStart(9)).join('')
}

import type { Samples } from './samples.ts'

/** One ratio that must hold: of two rates of the same run. */
interface Floor {
  readonly what: string
  readonly name: string
  readonly base: string
  readonly floor: number
  readonly goal: number
}

const gateway = 'gateway, 64 connections'
const single = 'gateway, 16 connections'

/** Below what a quiet machine gives, with room for noise. Rates themselves are never compared. */
const floors: readonly Floor[] = [
  {
    what: 'authenticate / DER',
    name: 'authenticate, no HTTP',
    base: 'ES256 verify, DER',
    floor: 0.6,
    goal: 0.85,
  },
  {
    what: 'core with disk / DER',
    name: 'authenticate + release, no HTTP',
    base: 'ES256 verify, DER',
    floor: 0.38,
    goal: 0.55,
  },
  { what: 'gateway / DER', name: gateway, base: 'ES256 verify, DER', floor: 0.22, goal: 0.35 },
  { what: 'gateway / bare Express', name: gateway, base: 'bare Express, default', floor: 0.22, goal: 0.35 },
  { what: 'gateway / p1363 gateway', name: gateway, base: 'gateway with p1363', floor: 1.15, goal: 1.5 },
  { what: 'gateway / jose gateway', name: gateway, base: 'gateway with jose', floor: 1.3, goal: 1.8 },
  { what: 'batches of 10 / single', name: 'gateway, batches of 10', base: single, floor: 3.5, goal: 5 },
  { what: 'batches of 100 / single', name: 'gateway, batches of 100', base: single, floor: 6, goal: 12 },
  { what: 'batches of 1000 / single', name: 'gateway, batches of 1000', base: single, floor: 6, goal: 15 },
]

export interface Verdict {
  readonly what: string
  readonly ratio: number
  readonly floor: number
  readonly goal: number
  readonly holds: boolean
}

/** `quick` leaves out what such a run does not measure. */
export function verdictsOf(samples: Samples, { quick }: { quick: boolean }): Verdict[] {
  const measured = floors.filter(({ name }) => !quick || samples.names().includes(name))
  return measured.map(({ what, name, base, floor, goal }) => {
    const ratio = samples.ratio(name, base)
    return { what, ratio, floor, goal, holds: ratio >= floor }
  })
}

/** One line per measurement: rate per CPU second, and its ratios to the three controls. */
export function tableOf(samples: Samples): string {
  const bases = ['ES256 verify, DER', 'bare Express, default', 'gateway with jose']
  const head = ['per CPU second', 'rate', 'us', '/DER', '/bare', '/jose', 'p50 ms', 'p99 ms']
  const lines = samples.names().map((name) => {
    const { rate, p50, p99 } = samples.median(name)
    const ratios = bases.map((base) => samples.ratio(name, base).toFixed(2))
    return [
      name,
      rate.toFixed(0),
      (1e6 / rate).toFixed(1),
      ...ratios,
      p50?.toFixed(2) ?? '',
      p99?.toFixed(2) ?? '',
    ]
  })
  return [head, ...lines].map(aligned).join('\n')
}

export function verdictTableOf(verdicts: readonly Verdict[]): string {
  const head = ['ratio', 'measured', 'floor', 'goal', '']
  const lines = verdicts.map(({ what, ratio, floor, goal, holds }) => [
    what,
    ratio.toFixed(2),
    floor.toFixed(2),
    goal.toFixed(2),
    holds ? (ratio >= goal ? 'goal' : 'ok') : 'BELOW THE FLOOR',
  ])
  return [head, ...lines].map(aligned).join('\n')
}

function aligned([name = '', ...cells]: readonly string[]): string {
  return name.padEnd(34) + cells.map((cell) => cell.padStart(9)).join('')
}

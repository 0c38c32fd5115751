export interface Sample {
  /** Per CPU second of the measured process, all of its threads. */
  readonly rate: number
  /** Latencies in ms, where there are requests. */
  readonly p50?: number
  readonly p99?: number
}

/** Measurements by name; every round adds one to each. */
export class Samples {
  readonly #byName = new Map<string, Sample[]>()

  add(name: string, sample: Sample): void {
    this.#byName.set(name, [...(this.#byName.get(name) ?? []), sample])
  }

  names(): string[] {
    return [...this.#byName.keys()]
  }

  /** The sample with the median rate: one round is no measurement. */
  median(name: string): Sample {
    const sorted = (this.#byName.get(name) ?? []).toSorted((a, b) => a.rate - b.rate)
    const middle = sorted[(sorted.length - 1) >> 1]
    if (middle === undefined) throw new Error(`nothing was measured as ${name}`)
    return middle
  }

  /** The sample that was disturbed least. */
  best(name: string): Sample {
    const [best] = (this.#byName.get(name) ?? []).toSorted((a, b) => b.rate - a.rate)
    if (best === undefined) throw new Error(`nothing was measured as ${name}`)
    return best
  }

  ratio(name: string, base: string): number {
    return this.median(name).rate / this.median(base).rate
  }
}

export function cpuSeconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1e6
}

/** Runs `step` for a while and gives how often per CPU second of this process. */
export async function rateOf(seconds: number, step: () => unknown): Promise<number> {
  const end = performance.now() + seconds * 1000
  const before = process.cpuUsage()
  let count = 0
  while (performance.now() < end)
    for (let i = 0; i < 16; i++, count++) {
      const result = step()
      if (result instanceof Promise) await result
    }
  return count / cpuSeconds(process.cpuUsage(before))
}

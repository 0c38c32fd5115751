import { every } from './every.ts'

/** Something that is due. */
export interface Task {
  /** Not begun a second time while it runs here. */
  readonly id: string
  /** What may be slow as one, such as a host: at most `perLane` of one lane run at once. */
  readonly lane: string
  /** Says by itself what went wrong; after a rejection nothing is begun until the next poll. */
  run(): Promise<void>
}

export interface Slots extends AsyncDisposable {
  /** Tells that something became due in this process. */
  wake(): void
  /** Resolves when nothing is due and nothing runs; what waits for a later time is not waited for. */
  settle(): Promise<void>
}

export type SlotFinder = (fits: (task: Pick<Task, 'id' | 'lane'>) => boolean) => Promise<readonly Task[]>

interface SlotParts {
  /** What is due, the longest waiting first: of those that it asks about, each that `fits`, since it has a place then. */
  readonly find: SlotFinder
  /** False: begin nothing. */
  readonly isGoing: () => boolean
  readonly onError: (error: unknown) => void
  readonly width: number
  readonly perLane: number
  readonly pollMs: number
}

/**
 * Runs what is due in a bounded number of slots. A slot is filled again as soon as it is free, and no lane may hold
 * all of them, so what is slow delays only its like. Disposal begins nothing new and waits for what runs.
 */
export function startSlots(parts: SlotParts): Slots {
  const { width, perLane } = parts
  const running = new Map<string, { lane: string; done: Promise<void> }>()
  let stopping = false
  let halted = false
  let told = false
  let pass: Promise<void> | undefined
  let change = Promise.withResolvers<void>()
  const isGoing = (): boolean => !stopping && !halted && parts.isGoing()

  /** A slot is free, or something more may be due: whoever waits looks again. */
  const tell = (): void => {
    told = true
    change.resolve()
  }

  const begin = (task: Task): void => {
    const done = Promise.resolve()
      .then(() => task.run())
      .catch((error: unknown) => {
        // Not at once again: a fault that stays would turn in circles.
        halted = true
        parts.onError(error)
      })
      .then(() => {
        running.delete(task.id)
        tell()
      })
    running.set(task.id, { lane: task.lane, done })
  }

  /** Answers for one look: what it took counts as if it ran. */
  const places = (): ((task: Pick<Task, 'id' | 'lane'>) => boolean) => {
    const lanes = new Map<string, number>()
    for (const { lane } of running.values()) lanes.set(lane, (lanes.get(lane) ?? 0) + 1)
    const taken = new Set(running.keys())
    return ({ id, lane }) => {
      const held = lanes.get(lane) ?? 0
      if (taken.size >= width || taken.has(id) || held >= perLane) return false
      taken.add(id)
      lanes.set(lane, held + 1)
      return true
    }
  }

  const pump = async (): Promise<void> => {
    while (isGoing()) {
      told = false
      change = Promise.withResolvers()
      const found = running.size < width ? await parts.find(places()) : []
      if (isGoing()) found.forEach(begin)
      if (running.size > 0) await change.promise
      else if (!told) return
    }
  }

  const run = (): Promise<void> => {
    tell()
    pass ??= pump()
      .catch(parts.onError)
      .then(async () => {
        pass = undefined
        // Told of between the last look and here: it would wait for the poll.
        if (told && isGoing()) await run()
      })
    return pass
  }
  const polling = every(parts.pollMs, async () => {
    halted = false
    void run()
  })
  return {
    wake: () => void run(),
    settle: run,
    async [Symbol.asyncDispose]() {
      stopping = true
      tell()
      await polling[Symbol.asyncDispose]()
      await pass
      await Promise.all([...running.values()].map(({ done }) => done))
    },
  }
}

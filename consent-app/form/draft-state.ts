/** How a category that is being filled in stands. Pure. */
import type { SaveCategory } from '#schemas/types.gen.ts'
import type { FieldProblem, Values } from './form-values.ts'

/** What the pod holds, as far as is known here. */
export interface Base {
  readonly etag: string | null
  readonly values: Values
}

export type How = NonNullable<SaveCategory['how']>

/** Both sides changed the same field: what it was before, and what the pod holds now. Hers stands in the form. */
export interface Conflict {
  readonly before: unknown
  readonly theirs: unknown
}

/** One change that can be taken back: what the fields were before it and after it. */
export interface Step {
  readonly before: Values
  readonly after: Values
}

export interface DraftState {
  readonly base: Base
  /** What stands in the form. */
  readonly draft: Values
  /** Fields that somebody is still in: nothing of them is sent. */
  readonly typing: ReadonlySet<string>
  /** What was left and cannot be sent as it is. */
  readonly problems: Readonly<Record<string, FieldProblem>>
  readonly conflicts: ReadonlyMap<string, Conflict>
  readonly phase: 'rest' | 'saving' | 'failed' | 'signed-out'
  readonly error: unknown
  readonly steps: readonly Step[]
  /** What happened last; `stale`: what should have been taken back was changed elsewhere since. */
  readonly told?: { readonly what: 'saved' | 'undone' | 'stale'; readonly names: readonly string[] }
  /** Counts how often what stands in a field was replaced by what the pod holds. */
  readonly replaced: Readonly<Record<string, number>>
  /** Fields that another app changed while something was typed here, and that were taken over. */
  readonly takenOver: readonly string[]
}

export function pick(values: Values, names: readonly string[]): Values {
  return Object.fromEntries(
    names.filter((name) => values[name] !== undefined).map((name) => [name, values[name]]),
  )
}

export function only(name: string, value: unknown): Values {
  return value === undefined ? {} : { [name]: value }
}

export function without(problems: DraftState['problems'], name: string): DraftState['problems'] {
  const others = Object.entries(problems).filter(([path]) => path !== name && !path.startsWith(`${name}.`))
  return Object.fromEntries(others)
}

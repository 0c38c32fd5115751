import type { SaveCategory, SavedCategory } from '#schemas/types.gen.ts'
import { ProblemError, isPassing } from '../data/http.ts'
import { formFields } from './form-fields.ts'
import type { FieldKind, FieldSchema } from './form-fields.ts'
import { checkValues, cleanValues, sameContent, sameValue, withValue } from './form-values.ts'
import type { FieldProblem, Values } from './form-values.ts'
import { only, pick, without } from './draft-state.ts'
import type { Base, Conflict, DraftState, How, Step } from './draft-state.ts'

interface Ports {
  /** Writes all values of the category, if the pod still holds what `etag` names. */
  save(body: SaveCategory): Promise<SavedCategory>
  /** What the pod holds now, past every cache. */
  read(): Promise<Base | undefined>
}

const mostSteps = 20
/** After so long without another choice what was chosen counts. */
export const pauseMs = 1_200
const retryMs = [3_000, 10_000, 30_000, 60_000]

/**
 * Kinds whose every state is an answer: it counts after a pause. What is typed, or has parts, counts only once somebody has
 * left it: half an address is a valid address, and must not leave (docs/decisions/0015).
 */
const chosenKinds: ReadonlySet<FieldKind> = new Set<FieldKind>([
  'choice',
  'choices',
  'country',
  'language',
  'languages',
  'picture',
  'texts',
  'yes-no',
])

/**
 * What is typed into a category, and how it gets into the pod: field by field, each as soon as it is left, on the condition that
 * the pod still holds what it was filled from. Outlives the page that shows it. Nothing here knows React.
 */
export class CategoryDraft {
  readonly #ports: Ports
  readonly #schema: FieldSchema
  readonly #kinds: ReadonlyMap<string, FieldKind>
  readonly #listeners = new Set<() => void>()
  /** Left and not yet in the pod, with what it came from. */
  readonly #left = new Map<string, How>()
  /** What the vault would not take, until it is changed. */
  readonly #refused = new Set<string>()
  readonly #pauses = new Map<string, ReturnType<typeof setTimeout>>()
  #retry: ReturnType<typeof setTimeout> | undefined
  #failures = 0
  /** Asked for while a save is on its way. */
  #undoNext = false
  #state: DraftState

  constructor(base: Base, schema: FieldSchema, ports: Ports) {
    this.#ports = ports
    this.#schema = schema
    this.#kinds = new Map(formFields(schema).map(({ name, kind }) => [name, kind]))
    this.#state = {
      base,
      draft: base.values,
      typing: new Set(),
      problems: {},
      conflicts: new Map(),
      phase: 'rest',
      error: undefined,
      steps: [],
      replaced: {},
      takenOver: [],
    }
  }

  readonly state = (): DraftState => this.#state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Whether something that was typed is not in the pod. */
  isUnsaved(): boolean {
    const { typing, phase } = this.#state
    return typing.size > 0 || phase === 'saving' || this.#dirty().length > 0
  }

  /** Somebody is in this field, though its value may still be the same. */
  touch(name: string): void {
    if (!this.#state.typing.has(name)) this.#set({ typing: new Set([...this.#state.typing, name]) })
    this.#pause(name)
  }

  type(name: string, value: unknown): void {
    this.#left.delete(name)
    this.#refused.delete(name)
    const { told: _, ...state } = this.#state
    this.#state = state
    this.#set({
      draft: withValue(state.draft, name, value),
      typing: new Set([...state.typing, name]),
      problems: without(state.problems, name),
    })
    this.#pause(name)
  }

  /** Somebody is done with a field, or with all. What fits goes to the pod, what does not is said. */
  leave(name?: string, how: How = 'here'): void {
    const names = name === undefined ? [...this.#state.typing] : [name]
    for (const one of names) {
      clearTimeout(this.#pauses.get(one))
      this.#pauses.delete(one)
      if (this.#state.typing.has(one) || how !== 'here') this.#left.set(one, how)
    }
    this.#set({ typing: new Set([...this.#state.typing].filter((one) => !names.includes(one))) })
    this.#tidy()
    void this.#pump()
  }

  /** Another value at once, such as one out of the history. */
  put(name: string, value: unknown, how: How): void {
    this.type(name, value)
    this.#set({ replaced: { ...this.#state.replaced, [name]: (this.#state.replaced[name] ?? 0) + 1 } })
    this.leave(name, how)
  }

  /** Takes back the last change; of what is typed and not saved, that first. */
  undo(): void {
    if (this.#state.phase === 'saving') {
      this.#undoNext = true
      return
    }
    const dirty = this.#dirty().filter((name) => !this.#state.conflicts.has(name))
    if (dirty.length > 0) {
      for (const name of dirty) {
        this.#left.delete(name)
        this.#refused.delete(name)
      }
      this.#set({
        ...this.#replace(dirty.map((name) => [name, this.#state.base.values[name]])),
        typing: new Set(),
        problems: {},
        phase: 'rest',
        error: undefined,
        told: { what: 'undone', names: dirty },
      })
      return
    }
    const step = this.#state.steps.at(-1)
    if (step === undefined) return
    const names = Object.keys({ ...step.before, ...step.after })
    const steps = this.#state.steps.slice(0, -1)
    if (names.some((name) => !this.#same(name, step.after[name], this.#state.base.values[name]))) {
      this.#set({ steps, told: { what: 'stale', names } })
      return
    }
    this.#set({
      steps,
      ...this.#replace(names.map((name) => [name, step.before[name]])),
    })
    for (const name of names) this.#left.set(name, 'undo')
    void this.#pump()
  }

  /** Her answer to a conflict; the other value can be had back with `undo`. */
  pick(name: string, side: 'mine' | 'theirs'): void {
    const conflict = this.#state.conflicts.get(name)
    if (conflict === undefined) return
    const conflicts = new Map([...this.#state.conflicts].filter(([one]) => one !== name))
    if (side === 'mine') {
      this.#set({ conflicts })
      this.#left.set(name, 'here')
      void this.#pump()
      return
    }
    const mine = cleanValues(this.#state.draft)[name]
    this.#set({
      conflicts,
      ...this.#replace([[name, conflict.theirs]]),
      typing: new Set([...this.#state.typing].filter((one) => one !== name)),
      problems: without(this.#state.problems, name),
      steps: [...this.#state.steps, { before: only(name, mine), after: only(name, conflict.theirs) }].slice(
        -mostSteps,
      ),
      told: { what: 'saved', names: [name] },
    })
  }

  /** Sends again what did not get through. */
  retry(): void {
    clearTimeout(this.#retry)
    this.#retry = undefined
    if (this.#state.phase !== 'failed' && this.#state.phase !== 'signed-out') return
    this.#set({ phase: 'rest', error: undefined })
    void this.#pump()
  }

  /** What the pod holds by now, as another reading found it. */
  follow(now: Base): void {
    if (now.etag === this.#state.base.etag || this.#state.phase === 'saving') return
    this.#join(now)
    void this.#pump()
  }

  /** Forgets all of it, such as when somebody else is signed in. */
  close(): void {
    for (const pause of this.#pauses.values()) clearTimeout(pause)
    clearTimeout(this.#retry)
    this.#left.clear()
    this.#listeners.clear()
  }

  #pause(name: string): void {
    clearTimeout(this.#pauses.get(name))
    const kind = this.#kinds.get(name)
    if (
      kind !== undefined &&
      chosenKinds.has(kind) &&
      !this.#same(name, this.#state.draft[name], this.#state.base.values[name])
    )
      this.#pauses.set(
        name,
        setTimeout(() => this.leave(name), pauseMs),
      )
  }

  async #pump(): Promise<void> {
    if (this.#state.phase === 'saving' || this.#state.phase === 'signed-out') return
    const clean = cleanValues(this.#state.draft)
    this.#set({ problems: this.#problemsOf(clean) })
    const [how] = this.#left.values()
    const names = [...this.#left]
      .filter(([name, one]) => one === how && this.#isReady(name))
      .map(([name]) => name)
    if (how === undefined || names.length === 0) {
      if (this.#state.phase === 'failed' && this.#left.size === 0)
        this.#set({ phase: 'rest', error: undefined })
      return
    }
    const { base } = this.#state
    const values = names.reduce((all, name) => withValue(all, name, clean[name]), base.values)
    const sent = { before: pick(base.values, names), after: pick(values, names) }
    this.#set({ phase: 'saving' })
    try {
      const saved = await this.#ports.save({ etag: base.etag, values: { ...values }, how })
      this.#kept({ etag: saved.etag, values: saved.values }, sent, how)
    } catch (error) {
      await this.#failed(error, sent, how)
    }
    const undoNext = this.#undoNext
    this.#undoNext = false
    if (this.#state.phase !== 'rest') return
    if (undoNext) this.undo()
    else await this.#pump()
  }

  #isReady(name: string): boolean {
    const { conflicts, problems } = this.#state
    return (
      !conflicts.has(name) &&
      !Object.keys(problems).some((path) => path === name || path.startsWith(`${name}.`))
    )
  }

  /** The pod holds what was sent. */
  #kept(base: Base, sent: Step, how: How): void {
    const names = Object.keys({ ...sent.before, ...sent.after })
    const clean = cleanValues(this.#state.draft)
    // What was typed meanwhile stays; the rest is as the pod gives it back.
    const isTyped = (name: string) =>
      this.#state.typing.has(name) || !this.#same(name, clean[name], sent.after[name])
    for (const name of names) if (!isTyped(name)) this.#left.delete(name)
    this.#failures = 0
    this.#set({
      base,
      ...this.#replace(names.filter((name) => !isTyped(name)).map((name) => [name, base.values[name]])),
      phase: 'rest',
      error: undefined,
      takenOver: [],
      steps:
        how === 'undo'
          ? this.#state.steps
          : [...this.#state.steps, { before: sent.before, after: pick(base.values, names) }].slice(
              -mostSteps,
            ),
      told: { what: how === 'undo' ? 'undone' : 'saved', names },
    })
  }

  async #failed(error: unknown, sent: Step, how: How): Promise<void> {
    const code = error instanceof ProblemError ? error.code : 'unknown'
    const names = Object.keys({ ...sent.before, ...sent.after })
    if (code === 'pod-changed') {
      const now = await this.#ports.read().catch((cause: unknown) => this.#stop(cause))
      if (now === undefined) return
      // The answer to an earlier try may have been lost on its way: then the pod holds it already.
      if (names.every((name) => this.#same(name, now.values[name], sent.after[name]))) {
        this.#join(now)
        this.#kept(now, sent, how)
        return
      }
      this.#set({ phase: 'rest' })
      this.#join(now)
      return
    }
    if (code === 'invalid-input' && error instanceof ProblemError) {
      const wrong = names.filter((name) =>
        error.violations.some(({ pointer }) => pointer.split('/')[2] === name),
      )
      const refused = wrong.length === 0 ? names : wrong
      for (const name of refused) this.#refused.add(name)
      this.#set({ phase: 'rest' })
      return
    }
    this.#stop(error)
  }

  #stop(error: unknown): undefined {
    const code = error instanceof ProblemError ? error.code : 'unknown'
    this.#set({ phase: code === 'not-signed-in' ? 'signed-out' : 'failed', error })
    if (!isPassing(error) && code !== 'rate-limited') return
    const after = error instanceof ProblemError ? (error.retryAfter ?? 0) * 1000 : 0
    const wait = Math.max(after, retryMs[Math.min(this.#failures, retryMs.length - 1)] ?? 0)
    this.#failures += 1
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.retry(), wait)
  }

  /** Joins what the pod holds now with what was typed on the ground of something else, field by field. */
  #join(now: Base): void {
    const { base, draft, conflicts, typing } = this.#state
    const clean = cleanValues(draft)
    const names = [...this.#kinds.keys()]
    const joined = new Map<string, Conflict>()
    const takenOver: string[] = []
    const next: [string, unknown][] = []
    for (const name of names) {
      const [before, mine, theirs] = [base.values[name], clean[name], now.values[name]]
      const isMine = typing.has(name) || !this.#same(name, mine, before)
      const open = conflicts.get(name)
      if (open !== undefined && !this.#same(name, mine, theirs)) joined.set(name, { ...open, theirs })
      else if (this.#same(name, before, theirs)) continue
      else if (!isMine || this.#same(name, mine, theirs)) {
        if (!isMine) takenOver.push(name)
        if (!typing.has(name)) next.push([name, theirs])
        this.#left.delete(name)
      } else joined.set(name, { before, theirs })
    }
    const isDirty = this.isUnsaved()
    this.#set({ base: now, ...this.#replace(next), conflicts: joined, takenOver: isDirty ? takenOver : [] })
  }

  #problemsOf(clean: Values): Record<string, FieldProblem> {
    const all = checkValues(this.#schema, clean)
    const left = Object.entries(all).filter(([path]) => this.#left.has(path.split('.', 1)[0] ?? ''))
    const refused = [...this.#refused].map((name) => [name, 'format'] as const)
    return Object.fromEntries([...refused, ...left])
  }

  #dirty(): string[] {
    const clean = cleanValues(this.#state.draft)
    return [...this.#kinds.keys()].filter(
      (name) => !this.#same(name, clean[name], this.#state.base.values[name]),
    )
  }

  /** What was left as it was is nothing to save, and stands in the form again as the pod has it. */
  #tidy(): void {
    const clean = cleanValues(this.#state.draft)
    const { base, conflicts } = this.#state
    const same = [...this.#left.keys()].filter(
      (name) => !conflicts.has(name) && this.#same(name, clean[name], base.values[name]),
    )
    for (const name of same) this.#left.delete(name)
    this.#set(this.#replace(same.map((name) => [name, base.values[name]])))
  }

  #same(name: string, one: unknown, other: unknown): boolean {
    return sameContent(this.#kinds.get(name) ?? 'text', one, other)
  }

  /** The form with other values of the pod in it. */
  #replace(
    values: readonly (readonly [name: string, value: unknown])[],
  ): Pick<DraftState, 'draft' | 'replaced'> {
    let { draft, replaced } = this.#state
    for (const [name, value] of values) {
      // A list may come back in another order: what is open in it by its place must be closed.
      if (!sameValue(draft[name], value)) replaced = { ...replaced, [name]: (replaced[name] ?? 0) + 1 }
      draft = withValue(draft, name, value)
    }
    return { draft, replaced }
  }

  #set(change: Partial<DraftState>): void {
    this.#state = { ...this.#state, ...change }
    for (const listener of this.#listeners) listener()
  }
}

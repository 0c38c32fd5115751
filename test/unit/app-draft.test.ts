/** What is typed under My data and how it gets into the pod: when it counts, and that nothing of it is ever lost. */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { SaveCategory } from '#schemas/types.gen.ts'
import { CategoryDraft, pauseMs } from '../../consent-app/form/category-draft.ts'
import type { Base } from '../../consent-app/form/draft-state.ts'
import { ProblemError } from '../../consent-app/data/http.ts'
import type { FieldSchema } from '../../consent-app/form/form-fields.ts'
import type { Values } from '../../consent-app/form/form-values.ts'

const schema: FieldSchema = {
  properties: {
    phone: { type: 'string', pattern: '^\\+[0-9 ]{5,20}$' },
    town: { type: 'string' },
    diet: { type: 'array', items: { enum: ['vegan', 'halal'] } },
    country: { type: 'string', pattern: '^[A-Z]{2}$' },
    address: {
      type: 'object',
      properties: { street: { type: 'string' }, country: { pattern: '^[A-Z]{2}$' } },
    },
  },
}

/** A pod that numbers its versions and takes what is based on the newest one. */
class Pod {
  version = 1
  values: Values
  readonly saves: SaveCategory[] = []
  refuse: (() => Error) | undefined
  constructor(values: Values = {}) {
    this.values = values
  }
  now = (): Base => ({ etag: `"${this.version}"`, values: this.values })
  change(values: Values): void {
    this.values = values
    this.version += 1
  }
  open(): CategoryDraft {
    return new CategoryDraft(this.now(), schema, {
      read: async () => this.now(),
      save: async (body) => {
        const refusal = this.refuse?.()
        if (refusal !== undefined) throw refusal
        if (body.etag !== this.now().etag) throw new ProblemError('pod-changed', 409, '')
        this.saves.push(body)
        this.change(body.values)
        return { etag: `"${this.version}"`, values: this.values, derived: [], noted: true }
      },
    })
  }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())
const settle = () => vi.advanceTimersByTimeAsync(0)

describe('what is typed', () => {
  test('counts once it is left, and no pause makes half of it count', async () => {
    const pod = new Pod({ phone: '+49 30 1' })
    const draft = pod.open()
    draft.type('phone', '+49 30 12')
    draft.type('address', { street: 'Half a st' })
    await vi.advanceTimersByTimeAsync(60_000)
    expect([pod.saves, draft.isUnsaved()]).toEqual([[], true])
    draft.leave('phone')
    await settle()
    expect(pod.values).toEqual({ phone: '+49 30 12' })
    expect(draft.isUnsaved()).toBe(true)
    draft.leave('address')
    await settle()
    expect(pod.values).toEqual({ phone: '+49 30 12', address: { street: 'Half a st' } })
    expect(draft.isUnsaved()).toBe(false)
  })

  test('is not sent while it does not fit, and keeps nothing else from being saved', async () => {
    const pod = new Pod()
    const draft = pod.open()
    draft.type('phone', '030')
    draft.leave('phone')
    draft.type('town', 'Ulm')
    draft.leave('town')
    await settle()
    expect(pod.values).toEqual({ town: 'Ulm' })
    expect(draft.state().problems).toEqual({ phone: 'phone' })
    expect([draft.state().draft['phone'], draft.isUnsaved()]).toEqual(['030', true])
    // What it was is left as nothing to save.
    draft.type('phone', '')
    draft.leave('phone')
    await settle()
    expect([draft.state().problems, draft.isUnsaved(), pod.saves.length]).toEqual([{}, false, 1])
  })
})

test('what is chosen counts after a pause, together with what else was chosen by then', async () => {
  const pod = new Pod()
  const draft = pod.open()
  draft.type('diet', ['vegan'])
  await vi.advanceTimersByTimeAsync(pauseMs - 1)
  draft.type('diet', ['vegan', 'halal'])
  await vi.advanceTimersByTimeAsync(pauseMs - 1)
  expect(pod.saves).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(pod.saves.map(({ values }) => values)).toEqual([{ diet: ['vegan', 'halal'] }])
})

test('several steps are taken back one by one, the newest first, each as a save of its own', async () => {
  const pod = new Pod({ town: 'Ulm' })
  const draft = pod.open()
  for (const [name, value] of [
    ['town', 'Bonn'],
    ['phone', '+49 30 1'],
    ['town', 'Kiel'],
  ] as const) {
    draft.type(name, value)
    draft.leave(name)
    await settle()
  }
  const seen: Values[] = []
  for (let step = 0; step < 4; step++) {
    draft.undo()
    await settle()
    seen.push(pod.values)
  }
  const [second, first, start] = [{ town: 'Bonn', phone: '+49 30 1' }, { town: 'Bonn' }, { town: 'Ulm' }]
  expect(seen).toEqual([second, first, start, start])
  expect(pod.saves.map(({ how }) => how)).toEqual(['here', 'here', 'here', 'undo', 'undo', 'undo'])
  expect(draft.state().told).toEqual({ what: 'undone', names: ['town'] })
})

test('undo takes back typing first, and nothing that was changed elsewhere since', async () => {
  const pod = new Pod({ town: 'Ulm' })
  const draft = pod.open()
  draft.type('town', 'Bonn')
  draft.leave('town')
  await settle()
  draft.type('phone', '0')
  draft.undo()
  expect(draft.state().draft).toEqual({ town: 'Bonn' })
  pod.change({ town: 'Rome' })
  draft.follow(pod.now())
  draft.undo()
  await settle()
  expect([pod.values, draft.state().told?.what]).toEqual([{ town: 'Rome' }, 'stale'])
})

test('undo that is pressed while a save is on its way takes back that save', async () => {
  const pod = new Pod({ town: 'Ulm' })
  const draft = pod.open()
  draft.type('town', 'Bonn')
  draft.leave('town')
  expect(draft.state().phase).toBe('saving')
  draft.undo()
  await settle()
  expect([pod.values, pod.saves.length]).toEqual([{ town: 'Ulm' }, 2])
})

describe('another app that saves meanwhile', () => {
  test('keeps its field and leaves hers', async () => {
    const pod = new Pod({ town: 'Ulm', phone: '+49 30 1' })
    const draft = pod.open()
    pod.change({ town: 'Rome', phone: '+49 30 1' })
    draft.type('phone', '+49 30 2')
    draft.leave('phone')
    await settle()
    expect(pod.values).toEqual({ town: 'Rome', phone: '+49 30 2' })
    expect(draft.state().draft).toEqual(pod.values)
  })

  test('has the same field: both stay until she chooses, and the other can be had back', async () => {
    for (const side of ['mine', 'theirs'] as const) {
      const pod = new Pod({ town: 'Ulm' })
      const draft = pod.open()
      pod.change({ town: 'Rome' })
      draft.type('town', 'Bonn')
      draft.leave('town')
      await settle()
      expect(draft.state().conflicts.get('town')).toEqual({ before: 'Ulm', theirs: 'Rome' })
      expect([pod.values, draft.state().draft, draft.isUnsaved()]).toEqual([
        { town: 'Rome' },
        { town: 'Bonn' },
        true,
      ])
      draft.pick('town', side)
      await settle()
      expect(pod.values).toEqual({ town: side === 'mine' ? 'Bonn' : 'Rome' })
      draft.undo()
      await settle()
      expect([pod.values, draft.isUnsaved()]).toEqual([{ town: side === 'mine' ? 'Rome' : 'Bonn' }, false])
    }
  })

  test('never takes anything away that was typed here, whatever both change', async () => {
    const town = fc.constantFrom(undefined, 'Ulm', 'Rome')
    const both = fc.record({ town, country: fc.constantFrom(undefined, 'DE', 'IT') })
    await fc.assert(
      fc.asyncProperty(both, both, both, async (before, mine, theirs) => {
        const pod = new Pod(clean(before))
        const draft = pod.open()
        pod.change(clean(theirs))
        for (const name of ['town', 'country'] as const) {
          draft.type(name, mine[name])
          draft.leave(name)
        }
        await settle()
        // Where she changed nothing the page hears of it when it is read again.
        draft.follow(pod.now())
        const { conflicts } = draft.state()
        for (const name of ['town', 'country'] as const) {
          const [iChanged, theyChanged] = [before[name] !== mine[name], before[name] !== theirs[name]]
          const isConflict = iChanged && theyChanged && mine[name] !== theirs[name]
          expect(conflicts.has(name)).toBe(isConflict)
          expect(pod.values[name]).toBe(iChanged && !isConflict ? mine[name] : theirs[name])
          expect(draft.state().draft[name]).toBe(iChanged ? mine[name] : theirs[name])
        }
      }),
    )
  })
})

describe('when it does not get through', () => {
  test('nothing is lost, and it is tried again by itself and at once when asked', async () => {
    const pod = new Pod()
    const draft = pod.open()
    pod.refuse = () => new ProblemError('offline', 0, '')
    draft.type('town', 'Ulm')
    draft.leave('town')
    await settle()
    expect([draft.state().phase, draft.state().draft, draft.isUnsaved()]).toEqual([
      'failed',
      { town: 'Ulm' },
      true,
    ])
    pod.refuse = undefined
    await vi.advanceTimersByTimeAsync(3_000)
    expect([draft.state().phase, pod.values, draft.isUnsaved()]).toEqual(['rest', { town: 'Ulm' }, false])
  })

  test('an answer that was lost on its way is no conflict, and can be undone', async () => {
    const pod = new Pod()
    const draft = pod.open()
    pod.refuse = () => {
      pod.change({ town: 'Ulm' })
      return new ProblemError('offline', 0, '')
    }
    draft.type('town', 'Ulm')
    draft.leave('town')
    await settle()
    pod.refuse = undefined
    draft.retry()
    await settle()
    expect([draft.state().phase, draft.state().conflicts.size, draft.isUnsaved()]).toEqual(['rest', 0, false])
    draft.undo()
    await settle()
    expect(pod.values).toEqual({})
  })

  test('a session that ended is waited for', async () => {
    const pod = new Pod()
    const draft = pod.open()
    pod.refuse = () => new ProblemError('not-signed-in', 401, '')
    draft.type('town', 'Ulm')
    draft.leave('town')
    await vi.advanceTimersByTimeAsync(600_000)
    expect([draft.state().phase, pod.saves.length]).toEqual(['signed-out', 0])
    pod.refuse = undefined
    draft.retry()
    await settle()
    expect(pod.values).toEqual({ town: 'Ulm' })
  })

  test('what the vault will not take is said at its field, and not sent again until it is another', async () => {
    const pod = new Pod()
    const draft = pod.open()
    let tries = 0
    pod.refuse = () => {
      tries += 1
      return new ProblemError('invalid-input', 400, '', [{ pointer: '/values/town', detail: '' }])
    }
    draft.type('town', 'Ulm')
    draft.leave('town')
    await vi.advanceTimersByTimeAsync(600_000)
    draft.type('diet', ['vegan'])
    expect([tries, draft.state().problems, draft.isUnsaved()]).toEqual([1, { town: 'format' }, true])
  })
})

function clean(values: Record<string, unknown>): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

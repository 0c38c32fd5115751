/**
 * The newest checkpoint that several processes of one log have shown, where witnesses cosign it: each of them asks by itself, and
 * whoever is asked next must not show fewer entries than another did.
 */
import { sizeOf } from '#core/ledger/checkpoint.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { tryCommit } from '#core/ledger/try-commit.ts'
import { absent, put, read, unchanged } from './parts.ts'

export interface ShownCheckpoint {
  /** Signed note. */
  readonly note: string
  /** Whether a quorum of the witnesses cosigned it. */
  readonly isCosigned: boolean
}

export interface ShownCheckpoints {
  newest(): Promise<ShownCheckpoint | undefined>
  /** Resolves to the newest there is then, of one size a cosigned one. */
  show(shown: ShownCheckpoint): Promise<ShownCheckpoint>
}

const KEY = 'shown-checkpoint'

export function shownCheckpoints(ledger: Ledger): ShownCheckpoints {
  const find = () => read<{ v: 1 } & ShownCheckpoint>(ledger, KEY)
  return {
    newest: async () => (await find())?.value,
    async show({ note, isCosigned }) {
      for (;;) {
        const before = await find()
        if (before && !isNewer({ note, isCosigned }, before.value)) return before.value
        const writes = [put(KEY, { v: 1, note, isCosigned })]
        if (await tryCommit(ledger, { checks: [before ? unchanged(before) : absent(KEY)], writes }))
          return { note, isCosigned }
      }
    },
  }
}

function isNewer(one: ShownCheckpoint, other: ShownCheckpoint): boolean {
  const more = sizeOf(one.note) - sizeOf(other.note)
  return more > 0 || (more === 0 && one.isCosigned && !other.isCosigned)
}

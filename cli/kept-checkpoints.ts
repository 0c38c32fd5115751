/**
 * The newest checkpoint that this user saw of each log. Without one a rewritten log passes every check; with
 * one it must be the continuation of what was seen. A checkpoint is kept by the verifier key, which binds
 * origin and key; the key by every name of the log, since whoever rewrites a log can sign it with a new key.
 */
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { sizeOf } from '#core/ledger/checkpoint.ts'
import { CommandFailed, EXIT } from './exit.ts'
import { writeWhole } from './log-source.ts'

export interface KeptCheckpoints {
  /** Signed note, or undefined when this log was never verified here. */
  newest(vkey: string): Promise<string | undefined>
  /** Verifier key that the log of this name (origin or address) had here last. */
  key(name: string): Promise<string | undefined>
  /** What leads to this key and from it, as far as it was seen here; '' when nothing was. */
  changes(vkey: string): Promise<string>
  /** `changes` lead from one of `keys` to the next. */
  keep(seen: {
    readonly vkey: string
    readonly note: string
    readonly names: readonly string[]
    readonly keys: readonly string[]
    readonly changes: string
  }): Promise<void>
}

export function keptCheckpoints(folder: string): KeptCheckpoints {
  const file = (kind: 'checkpoints' | 'keys' | 'changes', of: string): string =>
    path.join(folder, kind, hash('sha256', of, 'hex'))
  return {
    newest: (vkey) => textOf(file('checkpoints', vkey)),
    key: async (name) => (isOfThisMachine(name) ? undefined : textOf(file('keys', name))),
    changes: async (vkey) => (await textOf(file('changes', vkey))) ?? '',
    async keep({ vkey, note, names, keys, changes }) {
      if (changes !== '') for (const key of keys) await writeWhole(file('changes', key), changes)
      const newest = await textOf(file('checkpoints', vkey))
      // Another run may have gone further meanwhile.
      if (newest === undefined || sizeOf(newest) <= sizeOf(note))
        await writeWhole(file('checkpoints', vkey), note)
      for (const name of names) await writeWhole(file('keys', name), vkey)
    },
  }
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new CommandFailed(EXIT.unreachable, `${file} cannot be read`, { cause })
  }
}

/** What `localhost` names is another log with every folder that somebody tries Reach in. */
function isOfThisMachine(name: string): boolean {
  return /^(?:localhost|127\.[\d.]+|\[::1\])(?:[:/]|$)/.test(name)
}

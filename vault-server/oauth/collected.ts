import { AsyncLocalStorage } from 'node:async_hooks'
import type { Check, Commit, Write } from '#core/ledger/ledger.ts'
import { combine } from '#core/records/parts.ts'
import type { CommitParts } from '#core/records/parts.ts'

/**
 * While a decision or a registration is made, the library saves several records by itself, one after the
 * other. In a collecting scope the adapter gathers those saves, so that all of them and ours become one
 * commit.
 */
export class Collection {
  readonly #seen = new Map<string, Check>()
  readonly #writes = new Map<string, Write>()
  readonly #parts: CommitParts[] = []

  /** Remembers the version a record was found in: what is written to it later relies on that. */
  saw(key: string, version: Check['version']): void {
    if (!this.#seen.has(key)) this.#seen.set(key, { key, version })
  }

  /**
   * A save of the library: holds only if the record is still as it was found, or was never looked for and is
   * absent.
   */
  write(...writes: readonly Write[]): void {
    for (const write of writes) this.#writes.set(write.key, write)
  }

  /** A part of ours for the same commit. */
  add(part: CommitParts): void {
    this.#parts.push(part)
  }

  commit(): Commit {
    const writes = [...this.#writes.values()]
    const checks = writes.map(({ key }) => this.#seen.get(key) ?? { key, version: 'absent' as const })
    return combine({ checks, writes }, ...this.#parts)
  }
}

const scope = new AsyncLocalStorage<Collection>()

/** Runs `work` in a scope of its own and answers what was gathered; committing it is up to the caller. */
export async function collect<Result>(
  work: (collection: Collection) => Promise<Result>,
): Promise<{ result: Result; collection: Collection }> {
  const collection = new Collection()
  const result = await scope.run(collection, () => work(collection))
  return { result, collection }
}

/** The scope around the caller, if any. */
export function collecting(): Collection | undefined {
  return scope.getStore()
}

import type { AccountEntry } from './cache-entry.ts'

/**
 * The cached accounts, by id and by container; the one used longest ago goes first when there is too much.
 */
export interface AccountTable {
  get(accountId: string): AccountEntry | undefined
  /** To be told when an entry that is not `gone` was read from, at `time` in Unix ms. */
  use(entry: AccountEntry, time: number): void
  add(entry: AccountEntry): void
  drop(entry: AccountEntry): void
  /** To be told when `entry.bytes` has changed. */
  grew(entry: AccountEntry): void
  at(container: string): Iterable<AccountEntry>
  all(): Iterable<AccountEntry>
}

/** Who was used within this time is as good as used now: to insert anew costs more than the read. */
const USED_AGAIN_MS = 1_000

/** `onDrop` is told of an account that was the last one at its container. */
export function createAccountTable(
  maxBytes: number,
  onDrop: (entry: AccountEntry) => void = () => undefined,
): AccountTable {
  // A Map keeps the order of insertion: entries in use are inserted anew.
  const accounts = new Map<string, AccountEntry>()
  const containers = new Map<string, Set<AccountEntry>>()
  const counted = new Map<AccountEntry, number>()
  let total = 0

  function count(entry: AccountEntry, bytes: number): void {
    total += bytes - (counted.get(entry) ?? 0)
    if (bytes === 0) counted.delete(entry)
    else counted.set(entry, bytes)
  }

  function drop(entry: AccountEntry): void {
    entry.gone = true
    if (accounts.get(entry.accountId) !== entry) return
    accounts.delete(entry.accountId)
    count(entry, 0)
    const same = containers.get(entry.container.url)
    same?.delete(entry)
    if (same?.size !== 0) return
    containers.delete(entry.container.url)
    onDrop(entry)
  }

  function grew(entry: AccountEntry): void {
    if (entry.gone) return
    count(entry, entry.bytes)
    for (const oldest of accounts.values()) {
      if (total <= maxBytes || oldest === entry) break
      drop(oldest)
    }
  }

  return {
    get: (accountId) => accounts.get(accountId),
    use(entry, time) {
      if (time - entry.usedAt < USED_AGAIN_MS) return
      entry.usedAt = time
      if (accounts.delete(entry.accountId)) accounts.set(entry.accountId, entry)
    },
    add(entry) {
      accounts.set(entry.accountId, entry)
      const { url } = entry.container
      containers.set(url, (containers.get(url) ?? new Set()).add(entry))
      grew(entry)
    },
    drop,
    grew,
    at: (container) => containers.get(container) ?? [],
    all: () => accounts.values(),
  }
}

/** One key per customer: what is sealed under it dies with it. */
import { hash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import {
  KeysDamaged,
  createDocument,
  createFile,
  destroyFile,
  keyOf,
  makePrivateFolder,
  readDocument,
  textOf,
} from './key-files.ts'
import type { Json } from './ledger.ts'
import type { SealingKey } from './sealing.ts'

export interface CustomerKeys {
  /**
   * The customer's key, created on demand and durable when this resolves. `account` is an opaque random id. Rejects with
   * `CustomerErased` once it was destroyed: whatever still wants to write about her comes too late.
   */
  customerKey(account: string): Promise<SealingKey>
  /** The key a row names; undefined when it was destroyed. Throws `KeysDamaged` when it is missing for no reason. */
  customerKeyNamed(name: string): SealingKey | undefined
  /** Whether the key of that name was destroyed: what is sealed under it reads as absent, for ever. */
  isErased(name: string): boolean
  /** How many keys are known to be destroyed; only grows. */
  erasures(): number
  /**
   * Destroys the customer's key, durably and for good; idempotent, finishes what a crash left half done.
   */
  destroyCustomerKey(account: string): Promise<void>
  /** Learns which keys other processes destroyed in the same folder. */
  refresh(): Promise<void>
}

/** Nothing is sealed any more for a customer whose key was destroyed. */
export class CustomerErased extends Error {
  readonly account: string
  constructor(account: string) {
    super('the customer was erased')
    this.account = account
  }
}

const CACHED = 50_000
const SETTLES_MS = 2_000

export async function openCustomerKeys(folder: string): Promise<CustomerKeys> {
  const graves = join(folder, 'erased')
  await makePrivateFolder(join(folder, 'customers'))
  await makePrivateFolder(graves)
  const erased = new Set<string>()
  const gone = new Set<string>()
  let changed = -1n
  let settledAt = 0
  const cache = new LRUCache<string, SealingKey>({ max: CACHED })
  const busy = new Map<string, Promise<unknown>>()

  async function refresh(): Promise<void> {
    const { mtimeNs } = await stat(graves, { bigint: true })
    // Clocks of file systems are coarse: a grave of the same moment would be missed, so a young folder is read again.
    if (mtimeNs === changed && performance.now() > settledAt) return
    if (mtimeNs !== changed) settledAt = performance.now() + SETTLES_MS
    for (const name of await readdir(graves)) {
      if (name.startsWith('.')) continue
      const { account, id } = readGrave(name)
      gone.add(account)
      if (!erased.has(id)) forget(id)
    }
    changed = mtimeNs
  }

  function forget(id: string): void {
    erased.add(id)
    for (const [account, { name }] of cache.entries()) if (idOf(name) === id) cache.delete(account)
  }

  /** One change of a customer's key at a time. */
  function alone<Result>(account: string, work: () => Promise<Result>): Promise<Result> {
    const turn = (busy.get(account) ?? Promise.resolve()).then(work, work)
    busy.set(account, turn)
    const done = (): void => {
      if (busy.get(account) === turn) busy.delete(account)
    }
    turn.then(done, done)
    return turn
  }

  function read(account: string): SealingKey | undefined {
    const { file } = pathOf(folder, account)
    let content: Json | undefined
    try {
      content = readDocument(file)
    } catch (error) {
      // Overwritten while it was read: another process is destroying it.
      if (existsSync(file)) throw error
    }
    return content === undefined
      ? undefined
      : { name: `c${account}.${textOf(content, 'id')}`, key: keyOf(content) }
  }

  function remember(account: string, key: SealingKey): SealingKey {
    cache.set(account, key)
    return key
  }

  /** Of the account alone, so that it is found by its name; the graves of keys stand beside it. */
  const stone = (account: string): string => join(graves, hidden(account))

  async function bury(account: string, { name }: SealingKey): Promise<void> {
    await createFile(`${stone(account)}.${idOf(name)}`, '')
    erased.add(idOf(name))
    cache.delete(account)
    await destroyFile(pathOf(folder, account).file)
  }

  /**
   * First the key, then the look for the stone; destroying does the one and then the other the other way round. So whatever two
   * processes do at the same instant, one of them sees what the other did, and no key outlives its customer.
   */
  async function create(account: string): Promise<SealingKey> {
    const { shard, file } = pathOf(folder, account)
    await refresh()
    if (gone.has(hidden(account))) throw new CustomerErased(account)
    if (!read(account)) {
      await makePrivateFolder(shard)
      const id = randomBytes(9).toString('base64url')
      await createDocument(file, { v: 1, id, key: randomBytes(32).toString('base64url') })
    }
    const made = read(account)
    if (existsSync(stone(account))) {
      gone.add(hidden(account))
      if (made) await bury(account, made)
      throw new CustomerErased(account)
    }
    if (!made) throw new KeysDamaged("a customer's key vanished")
    return remember(account, made)
  }

  await refresh()
  return {
    refresh,
    async customerKey(account) {
      return cache.get(checkAccount(account)) ?? alone(account, () => create(account))
    },
    customerKeyNamed(name) {
      if (erased.has(idOf(name))) return undefined
      const account = name.slice(1, name.lastIndexOf('.'))
      const key = cache.get(account) ?? read(checkAccount(account))
      if (key?.name !== name) throw new KeysDamaged("a customer's key is missing")
      return remember(account, key)
    },
    isErased: (name) => erased.has(idOf(name)),
    erasures: () => erased.size,
    destroyCustomerKey(account) {
      checkAccount(account)
      return alone(account, async () => {
        await createFile(stone(account), '')
        gone.add(hidden(account))
        for (let key = read(account); key; key = read(account)) await bury(account, key)
      })
    },
  }
}

/** The random end of a key's name. */
const idOf = (name: string): string => name.slice(name.lastIndexOf('.') + 1)
const hidden = (account: string): string => hash('sha256', account, 'hex')

/**
 * A destroyed key leaves its id, so that a key lost by accident is an error and not an erasure; of whose it was a hash, since
 * the id of an account is what everything of hers hung together by. The stone of an account has no id.
 */
function readGrave(name: string): { account: string; id: string } {
  const [account = '', id = ''] = name.split('.')
  return { account, id }
}

function checkAccount(account: string): string {
  if (!/^[\w-]{1,128}$/.test(account)) throw new TypeError('an account id has letters, digits, - and _ only')
  return account
}

/** Sharded, so that no folder holds a million files. */
function pathOf(folder: string, account: string): { shard: string; file: string } {
  const shard = join(folder, 'customers', hash('sha256', account, 'hex').slice(0, 2))
  return { shard, file: join(shard, `${account}.json`) }
}

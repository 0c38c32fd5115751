/** How rows lie in the database, and what readers get of them. */
import type { KeyStore } from './key-store.ts'
import { LedgerDamaged, type Json, type KeyedRow } from './ledger.ts'
import { openRow, readRowHead, type RowHead, type SealingKey } from './sealing.ts'

/** A row as its JSON text; parsed when somebody reads it. */
export interface OpenedRow extends RowHead {
  readonly text: string
  row?: ReadRow
  /** It is in the cache of `owner`, and so the newest of its key there. */
  isCached?: boolean
  /** When the store knew of so many erased customers, it was not one of theirs. */
  asOfErasures?: number
}

/** What readers get; it remembers which opened row it was made of, so that nobody needs to look for that again. */
export class ReadRow implements KeyedRow {
  readonly key: string
  readonly version: number
  readonly value: Json
  readonly #opened: OpenedRow
  readonly #owner: object

  constructor(key: string, opened: OpenedRow, owner: object) {
    this.key = key
    this.version = opened.version
    this.value = freeze(JSON.parse(opened.text) as Json)
    this.#opened = opened
    this.#owner = owner
  }

  /** What `owner` holds newest under the row's key, if that is the row itself. */
  static newest(row: KeyedRow<unknown>, owner: object): OpenedRow | undefined {
    return #opened in row && row.#owner === owner && row.#opened.isCached === true ? row.#opened : undefined
  }
}

/** Opens a stored row; undefined when it died with its customer's key. Throws `LedgerDamaged`. */
export function openStored(keys: KeyStore, key: string, bytes: Buffer): OpenedRow | undefined {
  const head = readRowHead(bytes)
  const sealing = sealingKey(keys, head.keyName)
  return sealing && { ...head, text: openRow(sealing, key, bytes) }
}

function sealingKey(keys: KeyStore, name: string): SealingKey | undefined {
  try {
    return name.startsWith('c') ? keys.customerKeyNamed(name) : keys.named('data', name)
  } catch (error) {
    throw new LedgerDamaged('the key of a stored row is not in the key store', { cause: error })
  }
}

/** Whether a stored row reads as present at this time (Unix ms). */
export function isLive(
  keys: KeyStore,
  row: RowHead & Pick<OpenedRow, 'asOfErasures'>,
  time: number,
): boolean {
  if (row.expires !== 0 && row.expires <= time) return false
  const erasures = keys.erasures()
  if (row.asOfErasures === erasures) return true
  if (row.keyName.startsWith('c') && keys.isErased(row.keyName)) return false
  row.asOfErasures = erasures
  return true
}

function freeze(value: Json): Json {
  if (value !== null && typeof value === 'object')
    for (const member of Object.values(value)) freeze(member as Json)
  return Object.freeze(value)
}

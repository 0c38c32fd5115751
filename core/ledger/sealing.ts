/**
 * A stored row: version, expiry and key name in the clear, the value sealed with AES-256-GCM. All of it and the row's
 * own key are authenticated, because LevelDB returns rotten bytes without an error.
 */
import { createCipheriv, createDecipheriv, randomFillSync, type KeyObject } from 'node:crypto'
import { LedgerDamaged } from './ledger.ts'

export interface SealingKey {
  /** Which key it is: `d<number>` of the store's own, `c<account>.<id>` of a customer. */
  readonly name: string
  readonly key: KeyObject
}

export interface RowHead {
  readonly version: number
  /** Unix ms from which the row reads as absent; 0 for never. */
  readonly expires: number
  readonly keyName: string
}

const FORMAT = 1
const FIXED_BYTES = 14
const NONCE_BYTES = 12
const TAG_BYTES = 16

const nonces = Buffer.alloc(256 * NONCE_BYTES)
let nextNonce = nonces.length

/** 12 random bytes that were never given before; to be used at once. Drawn many at a time: each draw asks the system. */
export function newNonce(): Buffer {
  if (nextNonce === nonces.length) {
    randomFillSync(nonces)
    nextNonce = 0
  }
  return nonces.subarray(nextNonce, (nextNonce += NONCE_BYTES))
}

/** Seals the JSON text of a value under `rowKey`. */
export function sealRow(
  { name, key }: SealingKey,
  rowKey: string,
  { version, expires, text }: { version: number; expires: number; text: string },
): Buffer {
  const head = Buffer.allocUnsafe(FIXED_BYTES + name.length)
  head[0] = FORMAT
  head.writeUIntBE(version, 1, 6)
  head.writeUIntBE(expires, 7, 6)
  head[13] = name.length
  head.write(name, FIXED_BYTES, 'latin1')
  const nonce = newNonce()
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.concat([head, Buffer.from(rowKey)]))
  const sealed = cipher.update(text)
  return Buffer.concat([head, nonce, sealed, cipher.final(), cipher.getAuthTag()])
}

/** Reads what is in the clear; believable for ordering, authenticated only by `openRow`. Throws `LedgerDamaged`. */
export function readRowHead(row: Buffer): RowHead {
  const nameLength = row[13] ?? 0
  if (row[0] !== FORMAT || row.length < FIXED_BYTES + nameLength + NONCE_BYTES + TAG_BYTES)
    throw new LedgerDamaged('a stored row is malformed')
  return {
    version: row.readUIntBE(1, 6),
    expires: row.readUIntBE(7, 6),
    keyName: row.toString('latin1', FIXED_BYTES, FIXED_BYTES + nameLength),
  }
}

/** JSON text of the value. Throws `LedgerDamaged` when a byte of the row, its place or the key is another. */
export function openRow({ name, key }: SealingKey, rowKey: string, row: Buffer): string {
  const at = FIXED_BYTES + name.length
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, row.subarray(at, at + NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
    decipher
      .setAAD(Buffer.concat([row.subarray(0, at), Buffer.from(rowKey)]))
      .setAuthTag(row.subarray(-TAG_BYTES))
    const opened = decipher.update(row.subarray(at + NONCE_BYTES, -TAG_BYTES))
    return Buffer.concat([opened, decipher.final()]).toString()
  } catch (error) {
    throw new LedgerDamaged('a stored row is not what was written', { cause: error })
  }
}

/** Last bytes of a sealed row: they stand for all of it. */
export function rowTag(row: Buffer): string {
  return row.toString('latin1', row.length - TAG_BYTES)
}

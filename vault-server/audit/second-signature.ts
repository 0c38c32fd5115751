/** A second signature of the log under the checkpoints it serves, by a key that quantum computers are not known to break. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { createCosigner, type Cosigner } from '#core/ledger/cosignature.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { LogReader } from '#core/ledger/ledger.ts'
import { parseNote } from '#core/ledger/note.ts'

/** The log's own ML-DSA-44 key, made at its first use. Its name is the origin, as that of the log's other keys. */
export async function mlDsaSigner(origin: string, keys: KeyStore): Promise<Cosigner> {
  const { key } = await keys.document('log-ml-dsa', () => {
    const { privateKey } = generateKeyPairSync('ml-dsa-44')
    return { v: 1, key: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url') }
  })
  const der = Buffer.from(key, 'base64url')
  return createCosigner(origin, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
}

/**
 * The log with one line more under each checkpoint (C2SP tlog-cosignature, type 0x06). Only what is served has it: in every reply its
 * 3.3 kB would weigh more than the data. `now` in Unix ms.
 */
export function withSecondSignature(source: LogReader, signer: Cosigner, now: () => number): LogReader {
  let last = { plain: '', signed: '' }
  function signed(plain: string): string {
    if (last.plain !== plain)
      last = { plain, signed: plain + signer.cosign(parseNote(plain).text, Math.floor(now() / 1000)) }
    return last.signed
  }
  return {
    origin: source.origin,
    get vkey() {
      return source.vkey
    },
    get keyChanges() {
      return source.keyChanges
    },
    checkpoint: () => signed(source.checkpoint()),
    newest: async () => signed(await source.newest()),
    tile: (level, index, width) => source.tile(level, index, width),
    bundle: (index, width) => source.bundle(index, width),
  }
}

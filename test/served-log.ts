/** The public log of a real ledger over HTTP, as the vault serves it, to be grown and to be tampered with. */
import { createLogSigner, type LogSigner } from '#core/ledger/checkpoint.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { LogReader, Ledger } from '#core/ledger/ledger.ts'
import { createLogger } from '#core/logger.ts'
import { notFound, problemHandler } from '#core/http/problem.ts'
import { leanExpress, listen } from '#core/http/server.ts'
import { logRoutes } from '../vault-server/audit/log.ts'
import { ledgerFolders, openIn } from './level-ledger.ts'

export interface ServedLog extends AsyncDisposable {
  readonly ledger: Ledger
  readonly keys: KeyStore
  /** Signs whatever it is given with the key of the log. */
  readonly signer: LogSigner
  /** Prefix of the log. */
  readonly url: string
  /** Entries about nobody until the log has so many. */
  growTo(size: number): Promise<void>
  /** Changes what is served: `file` is `checkpoint`, `tile` or `bundle`. Undefined: as it is. */
  tamper: ((file: 'checkpoint' | 'tile' | 'bundle', bytes: Buffer) => Buffer) | undefined
}

const PER_COMMIT = 1024

export async function serveLog({ now = Date.now }: { now?: () => number } = {}): Promise<ServedLog> {
  await using stack = new AsyncDisposableStack()
  const folders = stack.use(await ledgerFolders())
  const { ledger, keys } = await openIn(folders, { now })
  stack.use(ledger)
  let size = 0
  const shown = (file: 'checkpoint' | 'tile' | 'bundle', bytes: Uint8Array): Buffer =>
    served.tamper?.(file, Buffer.from(bytes)) ?? Buffer.from(bytes)
  const log: LogReader = {
    origin: ledger.log.origin,
    get vkey() {
      return ledger.log.vkey
    },
    get keyChanges() {
      return ledger.log.keyChanges
    },
    checkpoint: () => shown('checkpoint', Buffer.from(ledger.log.checkpoint())).toString(),
    newest: async () => shown('checkpoint', Buffer.from(await ledger.log.newest())).toString(),
    async tile(level, index, width) {
      const bytes = await ledger.log.tile(level, index, width)
      return bytes && shown('tile', bytes)
    },
    async bundle(index, width) {
      const bytes = await ledger.log.bundle(index, width)
      return bytes && shown('bundle', bytes)
    },
  }
  const app = leanExpress()
  app.use('/log', logRoutes({ log }), notFound, problemHandler({ log: createLogger({ level: 'silent' }) }))
  const { url } = stack.use(await listen({ app, host: '127.0.0.1', port: 0 }))
  const resources = stack.move()
  const served: ServedLog = {
    ledger,
    keys,
    signer: createLogSigner(ledger.log.origin, keys.logKey),
    url: `${url}/log`,
    tamper: undefined,
    async growTo(wanted) {
      while (size < wanted) {
        const count = Math.min(PER_COMMIT, wanted - size)
        const first = size
        const entries = Array.from({ length: count }, (_, i) => ({
          claims: () => ({ ops: `{"n":${first + i}}` }),
        }))
        await ledger.commit({ entries })
        size += count
      }
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
  return served
}

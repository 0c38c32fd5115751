import { Router } from 'express'
import type { Response } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { methodNotAllowed } from '#core/http/problem.ts'
import type { LogReader } from '#core/ledger/ledger.ts'
import { vkeysUnder, writeKeyChanges } from '#core/ledger/log-keys.ts'
import { parseTilePath } from '#core/ledger/tiles.ts'
import type { TileName } from '#core/ledger/tiles.ts'

const immutable = 'public, max-age=31536000, immutable'

/**
 * The public log to C2SP tlog-tiles, to be mounted at `<vaultUrl>/log`: `/checkpoint`,
 * `/tile/<L>/<N>[.p/<W>]`, `/tile/entries/<N>[.p/<W>]`, `/vkey` with the keys that verify it, the newest first, and
 * `/key-changes` with what leads from one to the next. Open to
 * every origin and to caches: what is here may be shown to anybody. What does not exist, or is spelled in
 * another way than the one of the spec, is 404.
 */
export function logRoutes({
  log,
  alsoSigns = [],
}: {
  log: LogReader
  /** Verifier keys of other kinds under each checkpoint. */
  alsoSigns?: readonly string[]
}): Router {
  const router = Router({ strict: true, caseSensitive: true })
  router.use((_request, response, next) => {
    response.set({ 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' })
    next()
  })
  router.get('/checkpoint', async (_request, response) => sendText(response, await log.newest()))
  router.get('/vkey', async (_request, response) => {
    sendText(
      response,
      [...vkeysUnder(await log.newest(), log), ...alsoSigns].map((vkey) => `${vkey}\n`).join(''),
    )
  })
  router.get('/key-changes', async (_request, response) => {
    // A key that another process made is known here as soon as what it signed is.
    await log.newest()
    sendText(response, writeKeyChanges(log.keyChanges))
  })
  router.get('/tile/*place', async (request, response) => {
    // The path as sent: a decoded one would give one tile several names in caches.
    const tile = parseTilePath(request.path.slice(1))
    const bytes = tile && (await read(log, tile))
    if (bytes === undefined) throw new DomainError('not-found', 'The log has no such tile')
    response.set({ 'Content-Type': 'application/octet-stream', 'Cache-Control': immutable }).end(bytes)
  })
  router.all(['/checkpoint', '/vkey', '/key-changes', '/tile/*place'], methodNotAllowed('GET', 'HEAD'))
  return router
}

/** A checkpoint is the newest there is, so nobody may keep it for others. */
function sendText(response: Response, text: string): void {
  response.set({ 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }).end(text)
}

function read(log: LogReader, { level, index, width }: TileName): Promise<Uint8Array | undefined> {
  return level === 'entries' ? log.bundle(index, width) : log.tile(level, index, width)
}

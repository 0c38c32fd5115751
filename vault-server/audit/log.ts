import { Router } from 'express'
import type { Response } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { methodNotAllowed } from '#core/http/problem.ts'
import type { LogReader } from '#core/ledger/ledger.ts'

/** Hashes in a full tile, entries in a full bundle (C2SP tlog-tiles). */
const fullWidth = 256
const immutable = 'public, max-age=31536000, immutable'

/**
 * The public log to C2SP tlog-tiles, to be mounted at `<vaultUrl>/log`: `/checkpoint`, `/tile/<L>/<N>[.p/<W>]`,
 * `/tile/entries/<N>[.p/<W>]`, and `/vkey` with the key that verifies it. Open to every origin and to caches: what is
 * here may be shown to anybody. What does not exist, or is spelled in another way than the one of the spec, is 404.
 */
export function logRoutes({ log }: { log: LogReader }): Router {
  const router = Router({ strict: true, caseSensitive: true })
  router.use((_request, response, next) => {
    response.set({ 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' })
    next()
  })
  router.get('/checkpoint', (_request, response) => sendText(response, log.checkpoint()))
  router.get('/vkey', (_request, response) => sendText(response, `${log.vkey}\n`))
  router.get('/tile/*place', async (request, response) => {
    // The path as sent: a decoded one would give one tile several names in caches.
    const place = parseTilePath(request.path)
    const bytes = place && (await read(log, place))
    if (bytes === undefined) throw new DomainError('not-found', 'The log has no such tile')
    response.set({ 'Content-Type': 'application/octet-stream', 'Cache-Control': immutable }).end(bytes)
  })
  router.all(['/checkpoint', '/vkey', '/tile/*place'], methodNotAllowed('GET', 'HEAD'))
  return router
}

/** A checkpoint is the newest there is, so nobody may keep it for others. */
function sendText(response: Response, text: string): void {
  response.set({ 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }).end(text)
}

function read(log: LogReader, { level, index, width }: TilePlace): Promise<Uint8Array | undefined> {
  return level === 'entries' ? log.bundle(index, width) : log.tile(level, index, width)
}

export interface TilePlace {
  readonly level: number | 'entries'
  readonly index: number
  readonly width: number
}

/**
 * `/tile/<L>/<N>[.p/<W>]`: L is 0 to 63 or `entries`; N is in groups of three digits, all but the last with an `x`
 * before them and none needless; W is 1 to 255. `undefined` for everything else.
 */
export function parseTilePath(path: string): TilePlace | undefined {
  const match =
    /^\/tile\/(entries|[0-9]|[1-5][0-9]|6[0-3])\/((?:x[0-9]{3}\/){0,4}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(
      path,
    )
  if (!match) return undefined
  const [, level = '', number = '', partial] = match
  if (number.startsWith('x000/')) return undefined
  const width = partial === undefined ? fullWidth : Number(partial)
  if (partial !== undefined && width >= fullWidth) return undefined
  return {
    level: level === 'entries' ? level : Number(level),
    index: Number(number.replaceAll(/[x/]/g, '')),
    width,
  }
}

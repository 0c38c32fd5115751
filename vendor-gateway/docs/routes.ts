import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Router } from 'express'
import type { RequestHandler } from 'express'
import { methodNotAllowed } from '#core/http/problem.ts'

/** What the page is made of, by path below `/docs/`: ours, and of the package only what it needs. */
const ours = (name: string) => join(import.meta.dirname, name)
const require = createRequire(import.meta.url)
const files = {
  '': { path: ours('page.html'), type: 'text/html' },
  'page.css': { path: ours('page.css'), type: 'text/css' },
  'page.js': { path: ours('page.js'), type: 'text/javascript' },
  'swagger-ui-bundle.js': {
    path: require.resolve('swagger-ui-dist/swagger-ui-bundle.js'),
    type: 'text/javascript',
  },
  'swagger-ui.css': { path: require.resolve('swagger-ui-dist/swagger-ui.css'), type: 'text/css' },
}

const caching = 'public, max-age=300'

const headers = {
  'Cache-Control': caching,
  'Content-Security-Policy': [
    "default-src 'self'",
    // The icons of Swagger UI.
    "img-src 'self' data:",
    "object-src 'none'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}

/**
 * `/docs/`, the description of the gateway for people: Swagger UI over `/openapi.json`. All addresses are
 * relative, so it works under any path. A path of a request never becomes a path of the disk.
 */
export function docsRoutes(): Router {
  const router = Router({ strict: true, caseSensitive: true })
  const get = (path: string, handler: RequestHandler) =>
    router.get(path, handler).all(path, methodNotAllowed('GET', 'HEAD'))
  get('/docs', (_request, response) => {
    response.writeHead(308, { Location: 'docs/', 'Cache-Control': caching, 'Content-Length': 0 }).end()
  })
  for (const [name, file] of Object.entries(files)) get(`/docs/${name}`, sendFile(file))
  return router
}

/** The file is read once, and compressed once when somebody first asks for that. */
function sendFile({ path, type }: { path: string; type: string }): RequestHandler {
  const bytes = readFileSync(path)
  const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
  let compressed: Promise<Buffer> | undefined
  return async (request, response) => {
    // A weak tag: it is the same for both encodings.
    response.set({
      ...headers,
      'Content-Type': `${type}; charset=utf-8`,
      ETag: `W/"${hash}"`,
      Vary: 'Accept-Encoding',
    })
    if (request.fresh) {
      response.status(304).end()
      return
    }
    const isCompressed = request.acceptsEncodings('gzip') === 'gzip'
    const body = isCompressed ? await (compressed ??= promisify(gzip)(bytes)) : bytes
    if (isCompressed) response.set('Content-Encoding', 'gzip')
    response.set('Content-Length', String(body.length)).end(body)
  }
}

import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { extname, join, relative, sep } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import { Router } from 'express'
import type { RequestHandler } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { setPagePolicy, setWorkerPolicy } from './browser-headers.ts'

const html = 'text/html; charset=utf-8'
const pages = ['index.html', 'consent.html']
const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
}

interface AppFile {
  readonly bytes: Buffer
  readonly brotli: Buffer | undefined
  readonly type: string
  readonly etag: string
}

/**
 * The built consent app out of `folder`: its files, and its page for every other path. The files are read
 * once, so a path of the request never becomes a path of the disk. Files under `/assets/` carry their hash in
 * the name and are kept for ever; the page is never kept, since it carries the nonce of its response.
 */
export function appRoutes({ folder, vaultUrl }: { folder: string; vaultUrl: string }): Router {
  const files = readFiles(folder)
  const index = files.get('/index.html')
  // It leads to every file of the build by its hash, and so stands for all that the page can show.
  const screen = index?.etag.replaceAll('"', '') ?? ''
  const base = `${new URL(vaultUrl).pathname.replace(/\/$/, '')}/`
  const pageIn = (file: AppFile | undefined) =>
    file?.bytes.toString('utf8').replace('__REACH_SCREEN__', screen).replace('__REACH_BASE__', base)
  const page = pageIn(index)
  const router = Router({ strict: true, caseSensitive: true })
  router.get('/*file', (request, response, next) => {
    const file = files.get(request.path)
    if (file === undefined || file.type === html) return next()
    const immutable = request.path.startsWith('/assets/')
    response.set({
      'Content-Type': file.type,
      'Cache-Control': immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
      ETag: file.etag,
      Vary: 'Accept-Encoding',
    })
    if (request.path === '/service-worker.js') setWorkerPolicy(response)
    if (request.headers['if-none-match'] === file.etag) {
      response.status(304).end()
      return
    }
    const brotli = file.brotli !== undefined && request.acceptsEncodings('br') === 'br'
    if (brotli) response.set('Content-Encoding', 'br')
    response.end(brotli ? file.brotli : file.bytes)
  })
  router.get(/^\/assets\//, () => {
    throw new DomainError('not-found', 'There is no such file')
  })
  // The same page, with the files and the look of what comes there.
  router.get('/consent/:uid', sendPage(pageIn(files.get('/consent.html')) ?? page))
  router.get('/{*page}', sendPage(page))
  return router
}

/**
 * The page learns from `<base>` where it is mounted: the paths of its files and of the API begin there.
 * Whoever asks for something else than a page is told so, instead of getting HTML.
 */
function sendPage(page: string | undefined): RequestHandler {
  return (request, response, next) => {
    if (!request.accepts('html')) return next()
    if (page === undefined) throw new Error('the consent app is not built')
    // Its scripts would run before anybody comes, if ever: open a request in her name, and note a visit that was none.
    if (request.headers['sec-purpose']?.includes('prefetch') === true)
      throw new DomainError('forbidden', 'Pages are for who comes, and not to be had ahead')
    const nonce = randomBytes(16).toString('base64')
    setPagePolicy(response, nonce)
    response.set({ 'Content-Type': html, Vary: 'Accept-Encoding' })
    const text = page.replace('__REACH_NONCE__', nonce)
    if (request.acceptsEncodings('br') !== 'br') return response.end(text)
    // Nothing that anybody sent comes back in it, so its length tells nothing of the nonce.
    const params = { [constants.BROTLI_PARAM_QUALITY]: 4 }
    response.set('Content-Encoding', 'br').end(brotliCompressSync(text, { params }))
  }
}

function readFiles(folder: string): Map<string, AppFile> {
  const files = new Map<string, AppFile>()
  const names = listFiles(folder)
  for (const name of names) {
    const type = pages.includes(name) ? html : types[extname(name)]
    if (type === undefined) continue
    const bytes = readFileSync(join(folder, name))
    const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
    files.set(`/${name.split(sep).join('/')}`, {
      bytes,
      brotli: names.includes(`${name}.br`) ? readFileSync(join(folder, `${name}.br`)) : undefined,
      type,
      etag: `"${hash}"`,
    })
  }
  return files
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

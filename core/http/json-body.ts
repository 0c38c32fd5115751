import express from 'express'
import type { Request, RequestHandler } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { parseStrictJson } from './strict-json.ts'

const json = /^application\/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?[ \t]*$/i

/**
 * Reads a strict JSON body of at most `limit` bytes into `request.body`, as `unknown` for a parser. Demands
 * `application/json`, which a form of another site cannot send, and no compression, so that a small body
 * stays small. `check` sees the bytes before anything is made of them, and may refuse.
 */
export function jsonBody({
  limit = 65_536,
  check,
}: { limit?: number; check?: (bytes: Uint8Array, request: Request) => void } = {}): RequestHandler {
  const readBytes = express.raw({ type: () => true, limit, inflate: false })
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  return (request, response, next) => {
    if (!json.test(request.headers['content-type'] ?? ''))
      throw new DomainError('unsupported-media-type', 'The body must be application/json')
    // The parser would take all of it in before it says so.
    if (Number(request.headers['content-length'] ?? 0) > limit)
      throw new DomainError('too-large', `The body may have ${limit} bytes at most`)
    readBytes(request, response, (error?: unknown) => {
      if (error !== undefined) {
        next(error)
        return
      }
      try {
        if (check !== undefined && Buffer.isBuffer(request.body)) check(request.body, request)
        request.body = parseStrictJson(decode(decoder, request.body))
        next()
      } catch (refusal) {
        next(refusal)
      }
    })
  }
}

function decode(decoder: TextDecoder, bytes: unknown): string {
  if (!Buffer.isBuffer(bytes)) throw new DomainError('invalid-input', 'The body is missing')
  try {
    return decoder.decode(bytes)
  } catch {
    throw new DomainError('invalid-input', 'The body is not UTF-8')
  }
}

import type { ServerResponse } from 'node:http'
import { problems } from '#core/http/problem.ts'
import { matches } from '#core/http/validate.ts'
import type { Schemas } from '#schemas/types.gen.ts'

/** A finished reply: its text, made once, and what goes before it. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const common = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }
const jsonHeaders = { ...common, 'Content-Type': 'application/json' }
const problemHeaders = { ...common, 'Content-Type': 'application/problem+json' }
const publicHeaders = { ...jsonHeaders, 'Cache-Control': 'public, max-age=300' }

export function jsonReply(body: string): Reply {
  return { status: 200, headers: jsonHeaders, body }
}

/** For documents that are the same for everybody. */
export function publicReply(document: unknown): Reply {
  return { status: 200, headers: publicHeaders, body: JSON.stringify(document) }
}

/**
 * The one answer for every subject without a live grant: the same bytes, so without the `instance` that other problems
 * have.
 */
export const subjectUnavailable: Reply = {
  status: problems['subject-unavailable'].status,
  headers: problemHeaders,
  body: JSON.stringify({
    type: '/problems/subject-unavailable',
    title: problems['subject-unavailable'].title,
    status: problems['subject-unavailable'].status,
    code: 'subject-unavailable',
    detail: 'There is no live grant of yours for this subject',
  }),
}

/** Writes head and body in one go. `Content-Length` is exact, so that no connection is left in doubt. */
export function send(response: ServerResponse, reply: Reply, nextNonce?: string): void {
  const headers: Record<string, string | number> = {
    ...reply.headers,
    'Content-Length': Buffer.byteLength(reply.body),
  }
  if (nextNonce !== undefined) headers['DPoP-Nonce'] = nextNonce
  response.writeHead(reply.status, headers).end(reply.body)
}

/** Holds a reply to its schema; in development and tests, where a mistake shall show before a business sees it. */
export function checkReply(schemaId: keyof Schemas | undefined, { status, body }: Reply): void {
  const expected = status === 200 ? schemaId : 'api/problem.json'
  if (expected !== undefined && !matches(expected, JSON.parse(body)))
    throw new Error(`a reply does not match schemas/${expected}`)
}

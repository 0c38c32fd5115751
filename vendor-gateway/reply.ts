import { hash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { problems } from '#core/http/problem.ts'
import { matches } from '#core/http/validate.ts'
import type { Schemas } from '#schemas/types.gen.ts'
import { contentDigest } from './body-digest.ts'

/** A finished reply: its text, made once, and what goes before it. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export type HeaderFields = Readonly<Record<string, string>>

const common = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }
const jsonHeaders = { ...common, 'Content-Type': 'application/json' }
const problemHeaders = { ...common, 'Content-Type': 'application/problem+json' }
const publicHeaders = {
  'Cache-Control': 'public, max-age=300',
  'X-Content-Type-Options': 'nosniff',
  // What is the same for everybody may be read by every page, such as a processor of JSON-LD in a browser.
  'Access-Control-Allow-Origin': '*',
}

export function jsonReply(body: string, headers: HeaderFields = {}): Reply {
  return { status: 200, headers: { ...jsonHeaders, ...headers }, body }
}

/** Done, and nothing to say. */
export const noContent: Reply = { status: 204, headers: common, body: '' }

/** For documents that are the same for everybody, with a strong entity tag. */
export function publicReply(document: unknown, type = 'application/json'): Reply {
  const body = JSON.stringify(document)
  const tag = `"${hash('sha256', body, 'base64url').slice(0, 22)}"`
  return { status: 200, headers: { ...publicHeaders, 'Content-Type': type, ETag: tag }, body }
}

/** 304 in place of a reply that its asker has already (RFC 9110 section 15.4.5); `undefined` when it has another. */
export function unchangedReply(reply: Reply, ifNoneMatch: string | undefined): Reply | undefined {
  const { ETag, 'Content-Type': _type, ...headers } = reply.headers
  if (ETag === undefined || !hasTag(ifNoneMatch, ETag)) return undefined
  return { status: 304, headers: { ...headers, ETag }, body: '' }
}

/** Whether `If-None-Match` names this tag, compared weakly (RFC 9110 section 13.1.2). */
function hasTag(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false
  const opaque = (one: string) => one.trim().replace(/^W\//, '')
  return ifNoneMatch.trim() === '*' || ifNoneMatch.split(',').some((one) => opaque(one) === opaque(tag))
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
export function send(response: ServerResponse, reply: Reply, more: HeaderFields = {}): void {
  const headers: Record<string, string | number> = { ...reply.headers, ...more }
  if (reply.body !== '') {
    headers['Content-Length'] = Buffer.byteLength(reply.body)
    headers['Content-Digest'] = contentDigest(reply.body)
  }
  // Text without a character beyond ASCII is the same bytes in either encoding, and Node writes latin1 as it lies in memory.
  const isAscii = headers['Content-Length'] === reply.body.length
  response.writeHead(reply.status, headers).end(reply.body, isAscii ? 'latin1' : 'utf8')
}

/** Holds a reply to its schema; in development and tests, where a mistake shall show before a business sees it. */
export function checkReply(schemaId: keyof Schemas | undefined, { status, headers, body }: Reply): void {
  if (body === '' || headers['Content-Type']?.includes('json') !== true) return
  const expected = status < 300 ? schemaId : 'api/problem.json'
  if (expected !== undefined && !matches(expected, JSON.parse(body)))
    throw new Error(`a reply does not match schemas/${expected}`)
}

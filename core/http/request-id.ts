import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const id = Symbol('id')

/**
 * The id of a request, made on first use. Never taken from the client, who could make two requests look like
 * one.
 */
export function requestId(request: IncomingMessage & { [id]?: string }): string {
  return (request[id] ??= randomUUID())
}

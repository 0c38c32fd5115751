import express from 'express'
import type { Request, RequestHandler, Router } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { problemHandler } from '#core/http/problem.ts'
import type { LogReader } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'

/** What one business may use up in a day. What is written to a log stays for ever, also when its customers have ended. */
export const dailyBudget = { calls: 2_000, customers: 100, subjects: 20_000 }
/** Of one address in a day. */
export const signUpsPerDay = 60
/** All of the sandbox together, as long as it stands: its log and what belongs to it take some 2 GB then. */
const mostEntries = 2_000_000

type Takes = (request: Pick<Request, 'method' | 'path'>) => boolean

/** What takes room at either server. A read is an entry, too; ending takes some, and is never refused. */
export const takesRoom = {
  gateway: ({ method }) => method !== 'DELETE',
  vault: ({ method, path }) => method === 'POST' && !path.endsWith('/withdraw'),
} as const satisfies Record<string, Takes>

/**
 * Lets through what `takes` no room, and everything else while there is some. A full sandbox is begun anew by whoever runs
 * it; ending things works in it to the last.
 */
export function whileThereIsRoom({
  log,
  publicLog,
  takes,
  most = mostEntries,
}: {
  log: Logger
  publicLog: Pick<LogReader, 'checkpoint'>
  takes: Takes
  most?: number
}): Router {
  const guard: RequestHandler = (request, _response, next) => {
    if (takes(request) && Number(publicLog.checkpoint().split('\n')[1]) >= most)
      throw new DomainError('rate-limited', 'The sandbox is full: whoever runs it has to begin a new one', {
        retryAfter: 86_400,
      })
    next()
  }
  return express.Router().use(guard, problemHandler({ log }))
}

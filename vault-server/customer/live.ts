import { Router } from 'express'
import type { Request, Response } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { readFact } from '#core/domain/facts.ts'
import { every } from '#core/jobs/every.ts'
import type { HistoryItem, LedgerReader, LogReader } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'
import { accountHistory } from '#core/records/histories.ts'
import type { LiveChange } from '#schemas/types.gen.ts'
import { customerOf } from './session.ts'
import type { Sessions } from './session.ts'

const lookEveryMs = 1_000
/** A comment, so that nobody in between takes the connection for dead. */
const heartbeatMs = 15_000
const mostOfSession = 4
const mostInAll = 2_000
/** What came up meanwhile is told as one change; with more than this the kinds of the newest stand for all. */
const mostAtOnce = 100

interface Watcher {
  readonly request: Request
  readonly response: Response
  readonly accountId: string
  readonly session: string
  /** Newest entry of hers that this page has been told of. */
  seen: number
  heardAt: number
}

export interface Live extends AsyncDisposable {
  /** `GET /events?since=<index>`: for customers only. */
  readonly routes: Router
  /** Ends every stream; a browser comes back by itself. */
  close(): void
}

/**
 * Tells open pages what has changed, as server-sent events (HTML Standard, 9.2): kinds of entries and ids, never a value. The
 * log is looked at once a second for customers who have a page open, and only when it has grown, so nothing is added to
 * what writes. A stream ends with its session.
 */
export function startLive(options: {
  ledger: LedgerReader & { readonly log: Pick<LogReader, 'checkpoint' | 'newest'> }
  sessions: Pick<Sessions, 'isLive'>
  now: () => number
  log: Logger
}): Live {
  const { ledger, sessions, now, log } = options
  const watchers = new Set<Watcher>()
  let checkpoint = ''

  function end(watcher: Watcher): void {
    watchers.delete(watcher)
    watcher.response.end()
  }

  /** Told to every page of one customer. */
  async function tell(accountId: string, pages: readonly Watcher[]): Promise<void> {
    // Mostly the log has grown by what others do: then one entry is read, and not all that could be new.
    const [{ index: newest } = { index: -1 }] = await accountHistory(ledger, accountId, { limit: 1 })
    if (pages.every(({ seen }) => seen >= newest)) return
    const items = await accountHistory(ledger, accountId, { before: newest + 1, limit: mostAtOnce })
    for (const page of pages) {
      const fresh = items.filter(({ index }) => index > page.seen)
      if (fresh.length === 0) continue
      page.seen = newest
      send(page, { id: newest, event: 'changed', data: changeOf(fresh) })
    }
  }

  function send(page: Watcher, told: { id?: number; event: string; data: object }): void {
    page.heardAt = now()
    const id = told.id === undefined ? '' : `id: ${told.id}\n`
    const isTaken = page.response.write(`${id}event: ${told.event}\ndata: ${JSON.stringify(told.data)}\n\n`)
    // A page that does not read is not worth memory: it comes back and asks for what it missed.
    if (!isTaken) end(page)
  }

  async function look(): Promise<void> {
    if (watchers.size === 0) return
    for (const page of watchers) {
      if (!(await sessions.isLive(page.request))) {
        send(page, { event: 'signed-out', data: {} })
        end(page)
      } else if (now() - page.heardAt >= heartbeatMs) {
        page.heardAt = now()
        page.response.write(':\n\n')
      }
    }
    const found = ledger.log.checkpoint()
    const pages = [...watchers].filter((page) => found !== checkpoint || page.seen < 0)
    checkpoint = found
    // Entries of one customer that cannot be read keep nothing from the others.
    for (const [accountId, own] of Map.groupBy(pages, (page) => page.accountId))
      await tell(accountId, own).catch(failed)
  }

  const failed = (error: unknown): void => log.error('jobs-failed', {}, error)
  const ticking = every(lookEveryMs, () => look().catch(failed))

  const routes = Router()
  routes.get('/events', async (request, response) => {
    const { accountId, session } = customerOf(request)
    const since = sinceOf(request)
    const newest = (await accountHistory(ledger, accountId, { limit: 1 }))[0]?.index ?? -1
    // Nothing is awaited from here until the page is counted, and no end is told of one that has gone already.
    if (response.destroyed) return
    const own = [...watchers].filter((page) => page.session === session)
    if (own.length >= mostOfSession) throw new DomainError('rate-limited', 'Too many pages are open at once')
    if (watchers.size >= mostInAll) throw new DomainError('busy', 'Too many pages are open at once')
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' })
    // A log that was recovered may be shorter than what the page was told of.
    const seen = Math.min(since ?? newest, newest)
    const page = { request, response, accountId, session, seen, heardAt: now() }
    watchers.add(page)
    response.once('close', () => watchers.delete(page))
    response.write('retry: 3000\n')
    send(page, { id: page.seen, event: 'begun', data: {} })
    if (page.seen < newest) await tell(accountId, [page])
  })

  return {
    routes,
    close: () => {
      for (const page of watchers) end(page)
    },
    async [Symbol.asyncDispose]() {
      for (const page of watchers) end(page)
      await ticking[Symbol.asyncDispose]()
    },
  }
}

/** What the page was told of last: as the browser says when it comes back, else as the page does. */
function sinceOf(request: Request): number | undefined {
  const { since, ...others } = request.query
  const told = request.headers['last-event-id'] ?? since
  if (Object.keys(others).length > 0 || (told !== undefined && !/^(?:-1|\d{1,15})$/.test(String(told))))
    throw new DomainError('invalid-input', 'The query is not valid')
  return told === undefined ? undefined : Number(told)
}

function changeOf(items: readonly HistoryItem[]): LiveChange {
  const facts = items.map(({ ops }) => readFact(ops))
  const grants = facts.flatMap((fact) => ('grant' in fact && fact.grant !== undefined ? [fact.grant] : []))
  return { kinds: [...new Set(facts.map(({ type }) => type))], grants: [...new Set(grants)] }
}

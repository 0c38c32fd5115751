import { Router } from 'express'
import type { Request, RequestHandler } from 'express'
import type { AuditScope } from '#core/domain/audit.ts'
import { formatTime } from '#core/domain/times.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { sizeOf } from '#core/ledger/checkpoint.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { Auditor } from '#core/records/auditors.ts'
import { listVendors, readVendor } from '#core/records/vendors.ts'
import type { AuditEntry, AuditorView } from '#schemas/types.gen.ts'
import { auditorOf } from './access.ts'
import type { AuditorAccess } from './access.ts'
import { FactsReader } from './facts-reader.ts'
import { viewEntry } from './looks.ts'
import type { Look } from './looks.ts'
import type { ProofParts } from './proof.ts'
import { CountedLog, overview, states } from './replays.ts'
import { openRange, search, showEntry, timeline } from './searches.ts'
import type { SearchParts } from './searches.ts'

/**
 * What auditors see, to be mounted at `<vaultUrl>/api/audit`. Every look is a POST, since each writes an entry into the log;
 * everything that is shown comes from entries below the size of one checkpoint, which the reply names, but for the auditor's own.
 */
export function reviewRoutes(
  parts: ProofParts & { now: () => number },
  { access }: { access: AuditorAccess },
): Router {
  const { ledger } = parts
  const facts = new FactsReader(ledger)
  const all = { ...parts, facts, counts: new CountedLog(facts) }
  const parsePass = parser('api/auditor-pass.json')
  const parseNothing = parser('api/nothing.json')
  const parseSearch = parser('api/audit-search.json')
  const parseRange = parser('api/audit-range.json')
  const parseOne = parser('api/audit-one.json')
  const parseTimeline = parser('api/audit-timeline.json')
  const parseState = parser('api/audit-state.json')
  const parseOverview = parser('api/audit-overview.json')

  const router = Router()
  router.use(noStore, ...access.load)
  router.post('/join', jsonBody(), async (request, response) => {
    const { auditor, token } = await access.join(parsePass(request.body).pass, response)
    response.status(201).json({ ...(await viewAuditor(ledger, auditor)), token } satisfies AuditorView)
  })
  router.post('/sign-in', jsonBody(), async (request, response) => {
    const auditor = await access.signIn(parsePass(request.body).pass, response)
    response.json((await viewAuditor(ledger, auditor)) satisfies AuditorView)
  })
  router.post('/sign-out', jsonBody(), async (request, response) => {
    parseNothing(request.body)
    await access.signOut(request, response)
    response.status(204).end()
  })
  router.get('/me', async (request, response) => {
    response.json((await viewAuditor(ledger, auditorOf(request).value)) satisfies AuditorView)
  })

  function looking<Asked extends { readonly reason: string }>(
    path: string,
    parse: (body: unknown) => Asked,
    answer: (look: Look, asked: Asked) => Promise<object>,
  ): void {
    router.post(path, jsonBody({ limit: 65_536 }), async (request, response) => {
      const auditor = auditorOf(request)
      const asked = parse(request.body)
      response.json(await answer({ auditor, reason: asked.reason }, asked))
    })
  }
  looking('/search', parseSearch, (look, asked) => search(all, look, asked))
  looking('/openings', parseRange, async (look, asked) => {
    const opened = await openRange(all, look, asked)
    const own = await ownLooks(all, look, { first: opened.size, end: asked.first + asked.count })
    return { ...opened, entries: [...opened.entries, ...own] }
  })
  looking('/entry', parseOne, (look, { index }) => showEntry(all, look, index))
  looking('/timeline', parseTimeline, (look, { grant }) => timeline(all, look, grant))
  looking('/states', parseState, (look, asked) => states(all, look, asked))
  looking('/overview', parseOverview, (look, asked) => overview(all, look, asked))
  return router
}

/**
 * What this auditor looked at since, the look that has just been recorded among it: nothing that is not known there. Without it
 * a copy with openings would always end before the end of the log, and could not stand in for one that was lost. Only for who
 * may see all.
 */
async function ownLooks(
  { ledger, facts }: Pick<SearchParts, 'ledger' | 'facts'>,
  look: Look,
  { first, end }: { first: number; end: number },
): Promise<AuditEntry[]> {
  const { auditorId, scope } = look.auditor.value
  if (Object.keys(scope).length > 0) return []
  const found: AuditEntry[] = []
  for await (const entry of facts.forward(first, Math.min(end, sizeOf(await ledger.log.newest()))))
    if (entry.fact.type === 'audited' && entry.fact.auditor === auditorId) found.push(viewEntry(look, entry))
  return found
}

const noStore: RequestHandler = (_request: Request, response, next) => {
  response.set('Cache-Control', 'no-store')
  next()
}

/** Businesses that entries may be shown of; who is shown no business is not told which there are. */
async function vendorsWithin(reader: LedgerReader, { businesses, shown }: AuditScope) {
  if (shown?.includes('vendor') === false) return []
  if (businesses === undefined) return listVendors(reader, { limit: 1_000 })
  return Promise.all(businesses.map((id) => readVendor(reader, id)))
}

async function viewAuditor(
  reader: LedgerReader,
  { auditorId, name, expiresAt, scope }: Auditor,
): Promise<AuditorView> {
  const vendors = await vendorsWithin(reader, scope)
  return {
    auditorId,
    name,
    expiresAt: formatTime(expiresAt),
    whole: Object.keys(scope).length === 0,
    ...(scope.since !== undefined && { from: formatTime(scope.since) }),
    ...(scope.before !== undefined && { to: formatTime(scope.before) }),
    ...(scope.shown !== undefined && { shown: [...scope.shown] }),
    businesses: vendors.flatMap((vendor) =>
      vendor === undefined ? [] : [{ vendorId: vendor.value.vendorId, name: vendor.value.name }],
    ),
  }
}

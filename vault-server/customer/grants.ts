import { Router } from 'express'
import { askAcknowledgement } from '#core/domain/acknowledgement.ts'
import { DomainError } from '#core/domain/errors.ts'
import { pause, resume, withdraw } from '#core/domain/grant.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger, LedgerReader } from '#core/ledger/ledger.ts'
import { readAccount } from '#core/records/accounts.ts'
import { grantEntry } from '#core/records/entries.ts'
import type { GrantFact } from '#core/records/entries.ts'
import { changeGrant, listAccountGrants, readGrant } from '#core/records/grants.ts'
import type { Names } from '#core/records/names.ts'
import { combine } from '#core/records/parts.ts'
import type { Stored } from '#core/records/parts.ts'
import { lookAgain } from '#core/records/reminders.ts'
import { vendorEvent } from '#core/records/vendor-events.ts'
import type { Grant, Grants, GrantView } from '#schemas/types.gen.ts'
import { customerOf } from './session.ts'
import { viewEarlier, viewGrant } from './views.ts'

const acts = {
  pause: { change: pause, type: 'paused' },
  resume: { change: resume, type: 'resumed' },
  withdraw: { change: withdraw, type: 'withdrawn' },
} as const

export type GrantAct = keyof typeof acts

/** Grants of one page. */
const mostGrants = 200

type OfGrant = { grantId: string }

export interface GrantParts {
  readonly ledger: Ledger
  readonly names: Names
  /** Unix ms. */
  readonly now: () => number
}

/**
 * The customer's grants: `GET /grants` (all, or with `limit` a page beginning behind `after`), `/grants/:grantId`, and
 * `POST /grants/:grantId/{pause,resume,withdraw}`.
 */
export function grantRoutes(parts: GrantParts): Router {
  const { ledger, now } = parts
  const parseNothing = parser('api/nothing.json')
  const parseWithdraw = parser('api/withdraw.json')
  const router = Router()

  router.get('/grants', async (request, response) => {
    const { accountId } = customerOf(request)
    const { after, limit } = readPage(request.query)
    const { rows, next } =
      limit === undefined
        ? { rows: await readAllGrants(ledger, accountId), next: undefined }
        : await listAccountGrants(ledger, accountId, { after, limit })
    const at = now()
    const grants = await Promise.all(rows.map(({ value }) => viewGrant(ledger, value, at)))
    response.json({ grants, ...(next === undefined ? {} : { next }) } satisfies Grants)
  })

  router.get<OfGrant>('/grants/:grantId', async (request, response) => {
    const { accountId } = customerOf(request)
    const { value } = await readOwnGrant(ledger, accountId, request.params.grantId)
    const view = await viewGrant(ledger, value, now())
    response.json({ ...view, earlier: await viewEarlier(ledger, value) } satisfies GrantView)
  })

  for (const act of Object.keys(acts) as GrantAct[]) {
    router.post<OfGrant>(`/grants/:grantId/${act}`, jsonBody(), async (request, response) => {
      const { accountId } = customerOf(request)
      const { askDeletion = false } =
        act === 'withdraw' ? parseWithdraw(request.body) : { ...parseNothing(request.body) }
      const { grantId } = request.params
      const grant = await actOnGrant({ accountId, grantId, act, askDeletion }, parts)
      response.json(await viewGrant(ledger, grant, now()))
    })
  }
  return router
}

/**
 * Pauses, resumes or withdraws, in effect from this one commit on: the version that every disclosure checks
 * changes with it. Ending a grant ends what the authorization server issued under it, and asks the business
 * to sign that it has stopped, or with `askDeletion`, also later, that it has deleted. Again is the same
 * answer. Refuses with `not-found` for a grant of anybody else, `conflict` for one that has ended.
 */
export async function actOnGrant(
  {
    accountId,
    grantId,
    act,
    askDeletion = false,
  }: { accountId: string; grantId: string; act: GrantAct; askDeletion?: boolean },
  { ledger, names, now }: GrantParts,
): Promise<Grant> {
  const { change, type } = acts[act]
  for (let attempt = 1; ; attempt++) {
    const [stored, account] = await Promise.all([
      readOwnGrant(ledger, accountId, grantId),
      readAccount(ledger, accountId),
    ])
    const at = now()
    const acted = change(stored.value, at)
    const asked = act === 'withdraw' && acted !== stored.value ? 'withdrawal' : undefined
    const next = askAcknowledgement(acted, askDeletion ? 'deletion' : asked, at)
    if (next === stored.value || account === undefined) return stored.value
    const changed = await changeGrant({ reader: ledger, names }, stored, next)
    const told = (fact: GrantFact) => ({ entries: [grantEntry(next, fact, { who: account.value.webId })] })
    const parts = [changed]
    if (acted !== stored.value)
      parts.push(told({ type }), vendorEvent({ type: `grant.${type}`, grant: next, at }))
    const due = next.acknowledgement?.dueAt
    if (due !== undefined && stored.value.acknowledgement?.dueAt === undefined)
      parts.push(
        told({ type: 'deletion-requested', due }),
        vendorEvent({ type: 'deletion.requested', grant: next, at }),
        lookAgain(grantId, due + 1),
      )
    try {
      await ledger.commit(combine(...parts))
      return next
    } catch (error) {
      // Something else changed the grant first, such as its redemption or its end: decide anew on what it is
      // now.
      if (!(error instanceof CommitRefused) || attempt === 5) throw error
    }
  }
}

/** `not-found` for a grant of anybody else. */
export async function readOwnGrant(
  reader: LedgerReader,
  accountId: string,
  grantId: string,
): Promise<Stored<Grant>> {
  const stored = await readGrant(reader, grantId)
  if (stored?.value.accountId !== accountId) throw new DomainError('not-found', 'There is no such permission')
  return stored
}

/** Without `limit` all of them are meant. */
function readPage(query: object): { after?: string; limit?: number } {
  const { after, limit, ...others } = query as Readonly<Record<string, unknown>>
  const number = typeof limit === 'string' && /^[1-9][0-9]{0,2}$/.test(limit) ? Number(limit) : undefined
  const violations = [
    ...(Object.keys(others).length > 0 ? [{ pointer: '', detail: 'has a parameter that is not known' }] : []),
    ...(limit !== undefined && (number === undefined || number > mostGrants)
      ? [{ pointer: 'limit', detail: `must be 1 to ${mostGrants}` }]
      : []),
    ...(after !== undefined && (typeof after !== 'string' || limit === undefined)
      ? [{ pointer: 'after', detail: 'must be one cursor, with a limit' }]
      : []),
  ]
  if (violations.length > 0) throw new DomainError('invalid-input', 'The query is not valid', { violations })
  return {
    ...(typeof after === 'string' ? { after } : {}),
    ...(number === undefined ? {} : { limit: number }),
  }
}

/** Live and past ones: nothing a person allowed drops off her list. */
async function readAllGrants(reader: LedgerReader, accountId: string): Promise<readonly Stored<Grant>[]> {
  const all: Stored<Grant>[] = []
  for (let after: string | undefined; ;) {
    const { rows, next } = await listAccountGrants(reader, accountId, { after, limit: mostGrants })
    all.push(...rows)
    if (next === undefined) return all
    after = next
  }
}

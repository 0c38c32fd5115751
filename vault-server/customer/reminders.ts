import { Router } from 'express'
import { nextLook, remindersOf } from '#core/domain/reminders.ts'
import type { Reminder, ReminderKind, Use } from '#core/domain/reminders.ts'
import { formatTime } from '#core/domain/times.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger, LedgerReader } from '#core/ledger/ledger.ts'
import { listAccountGrants, readGrant, seqKey } from '#core/records/grants.ts'
import { combine } from '#core/records/parts.ts'
import type { CommitParts } from '#core/records/parts.ts'
import { listDueLooks, looked, noteReminded, readReminded } from '#core/records/reminders.ts'
import type { Look } from '#core/records/reminders.ts'
import type { Grant, Reminders, ReminderView } from '#schemas/types.gen.ts'
import { readOwnGrant } from './grants.ts'
import { customerOf } from './session.ts'
import { isUsedUp, timeOfLastRead, viewVendor } from './views.ts'

/** Grants looked at together. */
const page = 200

/**
 * What the customer should have a look at: `GET /reminders`, and `POST /reminders/:grantId/answer` with the kind that she has
 * seen to. Answering grants nothing and takes nothing away.
 */
export function reminderRoutes({ ledger, now }: { ledger: Ledger; now: () => number }): Router {
  const parseAnswer = parser('api/answer-reminder.json')
  const router = Router()

  router.get('/reminders', async (request, response) => {
    const { accountId } = customerOf(request)
    const reminders: ReminderView[] = []
    for (let after: string | undefined; ;) {
      const { rows, next } = await listAccountGrants(ledger, accountId, { after, limit: page })
      for (const { value } of rows) reminders.push(...(await viewReminders(ledger, value, now())))
      if (next === undefined) break
      after = next
    }
    reminders.sort((one, other) => Date.parse(other.since) - Date.parse(one.since))
    response.json({ reminders } satisfies Reminders)
  })

  router.post<{ grantId: string }>('/reminders/:grantId/answer', jsonBody(), async (request, response) => {
    const { accountId } = customerOf(request)
    const { kind } = parseAnswer(request.body)
    const { value: grant } = await readOwnGrant(ledger, accountId, request.params.grantId)
    const found = await readReminded(ledger, grant.grantId)
    await ledger.commit(noteReminded(found, grant, 'answered', [kind], now()))
    response.status(204).end()
  })
  return router
}

async function viewReminders(reader: LedgerReader, grant: Grant, now: number): Promise<ReminderView[]> {
  // Most grants have nothing, whatever their reads say: spares looking for the last one.
  if (remindersOf(grant, {}, now).length === 0) return []
  const use = await useOf(reader, grant)
  const reminded = await readReminded(reader, grant.grantId)
  const open = unseen(remindersOf(grant, use, now), reminded?.value.answered ?? {})
  if (open.length === 0) return []
  const vendor = await viewVendor(reader, grant.vendorId)
  return open.map(({ kind, since }) => ({
    kind,
    since: formatTime(since),
    grantId: grant.grantId,
    vendor,
    validFrom: formatTime(grant.validFrom),
    until: formatTime(grant.until),
    ...(use.lastRead === undefined ? {} : { lastRead: formatTime(use.lastRead) }),
  }))
}

async function useOf(reader: LedgerReader, grant: Grant): Promise<Use> {
  const reads = await reader.count(seqKey(grant.grantId))
  return {
    isUsedUp: isUsedUp(grant, reads),
    ...(reads === 0 ? {} : { lastRead: await timeOfLastRead(reader, grant.grantId) }),
  }
}

/** Those that came up after they were last seen to. */
function unseen(
  reminders: readonly Reminder[],
  seen: { readonly [Kind in ReminderKind]?: number },
): Reminder[] {
  return reminders.filter(({ kind, since }) => (seen[kind] ?? -1) < since)
}

/** What belongs into the commit that notes a reminder, so that a customer is written to once. */
export type TellCustomer = (accountId: string, at: number) => Promise<CommitParts>

/**
 * Looks at the grants whose time has come, and at no others; gives how many reminders came up. `tell`: how customers are
 * written to.
 */
export async function remindOfDue(
  { ledger, now }: { ledger: Ledger; now: () => number },
  tell: TellCustomer,
): Promise<number> {
  let count = 0
  for (;;) {
    const looks = await listDueLooks(ledger, now(), page)
    for (const look of looks) count += await lookAt({ ledger, now }, tell, look)
    if (looks.length < page) return count
  }
}

async function lookAt(
  { ledger, now }: { ledger: Ledger; now: () => number },
  tell: TellCustomer,
  look: Look,
): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const grant = (await readGrant(ledger, look.value.id))?.value
    const at = now()
    const use = grant === undefined ? {} : await useOf(ledger, grant)
    const done = looked(look, grant === undefined ? undefined : nextLook(grant, use, at))
    const parts: CommitParts[] = [done]
    let news: Reminder[] = []
    if (grant !== undefined) {
      const reminded = await readReminded(ledger, grant.grantId)
      const { answered = {}, told = {} } = reminded?.value ?? {}
      news = unseen(unseen(remindersOf(grant, use, at), answered), told)
      const kinds = news.map(({ kind }) => kind)
      if (news.length > 0)
        parts.push(noteReminded(reminded, grant, 'told', kinds, at), await tell(grant.accountId, at))
    }
    try {
      await ledger.commit(combine(...parts))
      return news.length
    } catch (error) {
      // She has answered it, or another of her reminders was told, at the same moment.
      if (!(error instanceof CommitRefused) || attempt === 5) throw error
    }
  }
}

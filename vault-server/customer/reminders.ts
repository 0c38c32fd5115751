import { Router } from 'express'
import { nextLook, remindersOf } from '#core/domain/reminders.ts'
import type { Reminder, ReminderKind, Use } from '#core/domain/reminders.ts'
import { formatTime } from '#core/domain/times.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger, LedgerReader } from '#core/ledger/ledger.ts'
import { commitAnew, tryCommit } from '#core/ledger/try-commit.ts'
import { listAccountGrants, readGrant, seqKey } from '#core/records/grants.ts'
import { combine, unchanged } from '#core/records/parts.ts'
import type { CommitParts } from '#core/records/parts.ts'
import { listNotified } from '#core/records/notifications.ts'
import {
  listDueLooks,
  lookAgain,
  looked,
  noteBackfill,
  noteReminded,
  readBackfill,
  readReminded,
} from '#core/records/reminders.ts'
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
    await commitAnew(ledger, async () => {
      const stored = await readOwnGrant(ledger, accountId, request.params.grantId)
      const found = await readReminded(ledger, stored.value.grantId)
      const answered = noteReminded(found, stored.value, 'answered', [kind], now())
      return { parts: combine({ checks: [unchanged(stored)] }, answered), result: undefined }
    })
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
function unseen(reminders: readonly Reminder[], seen: Seen): Reminder[] {
  return reminders.filter(({ kind, since }) => (seen[kind] ?? -1) < since)
}

type Seen = { readonly [Kind in ReminderKind]?: number }

/** Without what was noted as told before there was a way to tell it. */
function heardOf(told: Seen, way: Way): Seen {
  return Object.fromEntries(Object.entries(told).filter(([, at]) => way.hasHeard(at)))
}

/** How a customer can be written to; times in Unix ms. */
export interface Way {
  /** Whether what was noted as told then was in a message, or a message was not long before. */
  hasHeard(at: number): boolean
  /** From when on what came up at `since` may be told: a day after the message before, unless that one had her look at it already. */
  tellsFrom(since: number): number
  /** What belongs into the commit that notes a reminder, so that she is written to once. */
  tell(at: number): CommitParts
}

/** `undefined` as long as she has given no way: what comes up meanwhile is told when she has. */
export type WayTo = (accountId: string) => Promise<Way | undefined>

/**
 * Part of the commit from which on a customer can be written to: what has come up before is told like what comes up later,
 * whenever her grants were made.
 */
export async function lookAtAll(reader: LedgerReader, accountId: string, now: number): Promise<CommitParts> {
  const parts: CommitParts[] = []
  for (let after: string | undefined; ;) {
    const { rows, next } = await listAccountGrants(reader, accountId, { after, limit: page })
    for (const { value: grant } of rows) {
      const at = remindersOf(grant, {}, now).length > 0 ? now : nextLook(grant, {}, now)
      if (at !== undefined) parts.push(lookAgain(grant.grantId, at))
    }
    if (next === undefined) return combine(...parts)
    after = next
  }
}

/** Customers gone through at one sweep. */
const customersAtOnce = 50

/** Customers who gave a way to write to them before every grant was looked at: some of them at each sweep, each once. */
async function lookAtEarlier({ ledger, now }: { ledger: Ledger; now: () => number }): Promise<void> {
  const found = await readBackfill(ledger)
  if (found?.value.isDone === true) return
  const options = { after: found?.value.after, limit: customersAtOnce }
  const customers = await listNotified(ledger, options)
  const looks = await Promise.all(customers.map((accountId) => lookAtAll(ledger, accountId, now())))
  const last = customers.at(-1)
  const isMore = customers.length === customersAtOnce && last !== undefined
  const next = noteBackfill(found, isMore ? { v: 1, after: last } : { v: 1, isDone: true })
  await tryCommit(ledger, combine(next, ...looks))
}

/**
 * Looks at the grants whose time has come, and at no others; gives how many reminders were told. `wayTo`: how customers are
 * written to.
 */
export async function remindOfDue(
  { ledger, now }: { ledger: Ledger; now: () => number },
  wayTo: WayTo,
): Promise<number> {
  await lookAtEarlier({ ledger, now })
  let count = 0
  for (;;) {
    const looks = await listDueLooks(ledger, now(), page)
    for (const look of looks) count += await lookAt({ ledger, now }, wayTo, look)
    if (looks.length < page) return count
  }
}

async function lookAt(
  { ledger, now }: { ledger: Ledger; now: () => number },
  wayTo: WayTo,
  look: Look,
): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const stored = await readGrant(ledger, look.value.id)
    const grant = stored?.value
    const at = now()
    const use = grant === undefined ? {} : await useOf(ledger, grant)
    const next = [grant === undefined ? undefined : nextLook(grant, use, at)]
    const parts: CommitParts[] = []
    let news: Reminder[] = []
    const open = grant === undefined ? [] : remindersOf(grant, use, at)
    const way = grant === undefined || open.length === 0 ? undefined : await wayTo(grant.accountId)
    if (stored !== undefined && way !== undefined) {
      const reminded = await readReminded(ledger, stored.value.grantId)
      const { answered = {}, told = {} } = reminded?.value ?? {}
      const untold = unseen(unseen(open, answered), heardOf(told, way))
      news = untold.filter(({ since }) => way.tellsFrom(since) <= at)
      next.push(...untold.map(({ since }) => way.tellsFrom(since)).filter((time) => time > at))
      const kinds = news.map(({ kind }) => kind)
      if (news.length > 0)
        parts.push(
          { checks: [unchanged(stored)] },
          noteReminded(reminded, stored.value, 'told', kinds, at),
          way.tell(at),
        )
    }
    try {
      await ledger.commit(combine(looked(look, earliest(next)), ...parts))
      return news.length
    } catch (error) {
      // She has answered it, or another of her reminders was told, at the same moment.
      if (!(error instanceof CommitRefused) || attempt === 5) throw error
    }
  }
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

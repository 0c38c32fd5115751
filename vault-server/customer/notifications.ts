import { hash } from 'node:crypto'
import { Router } from 'express'
import type { Request } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { languageOf } from '#core/http/language.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import type { Commit, Ledger } from '#core/ledger/ledger.ts'
import { commitAnew } from '#core/ledger/try-commit.ts'
import { changeAccount, readAccount, staying } from '#core/records/accounts.ts'
import { newHandle } from '#core/records/ids.ts'
import type { Names } from '#core/records/names.ts'
import { findByStop, readNotifications, setEmail, setPush } from '#core/records/notifications.ts'
import type { EmailChannel, Notifications } from '#core/records/notifications.ts'
import { combine } from '#core/records/parts.ts'
import type { CommitParts, Stored } from '#core/records/parts.ts'
import type { NotificationsView } from '#schemas/types.gen.ts'
import { limitPer } from './limits.ts'
import { forgetBrowser, mailJob } from './notification-jobs.ts'
import { lookAtAll } from './reminders.ts'
import { customerOf } from './session.ts'
import type { Sessions } from './session.ts'

const mostBrowsers = 10

interface Parts {
  readonly ledger: Ledger
  readonly names: Names
  readonly sessions: Pick<Sessions, 'holding'>
  /** This vault can send e-mail. */
  readonly byMail: boolean
  /** What browsers subscribe with. */
  readonly pushKey: string
  readonly now: () => number
}

/**
 * Writing to customers who asked for it, at an address they confirmed: `GET /notifications`, and `POST
 * /notifications/email`, `/confirm` and `/remove`. `open` is `POST /unsubscribe/:stop` (RFC 8058), which needs no session and
 * does nothing but stop.
 */
export function notifications({ ledger, names, sessions, byMail, pushKey, now }: Parts): {
  api: Router
  open: Router
} {
  const parseEmail = parser('api/set-email.json')
  const parseConfirm = parser('api/confirm-email.json')
  const parseNothing = parser('api/nothing.json')
  const parseBrowser = parser('api/add-browser.json')
  const parseRemoval = parser('api/remove-browser.json')
  // Nobody's mailbox is to be filled from here, by one customer or by many.
  const perCustomer = limitPer({ points: 5, seconds: 3_600 })
  const perAddress = limitPer({ points: 3, seconds: 3_600 })

  const view = async (accountId: string): Promise<NotificationsView> => {
    const { email, push: browsers = [] } = (await readNotifications(ledger, accountId))?.value ?? {}
    return {
      emailOffered: byMail,
      pushKey,
      browsers: browsers.map(({ endpoint }) => hash('sha256', endpoint, 'base64url')),
      ...(email === undefined ? {} : { email: { address: email.address, confirmed: email.isConfirmed } }),
    }
  }

  /** Who has chosen no language is written to in that of the page where she asked for it. */
  const inLanguageOf = async (request: Request, accountId: string): Promise<CommitParts> => {
    const account = await readAccount(ledger, accountId)
    if (account === undefined || account.value.language !== undefined) return {}
    return changeAccount(account, { language: languageOf(request) })
  }

  /** What changes how she is written to, made anew when a reminder, her pod or another tab came first. */
  const change = async (
    accountId: string,
    make: (found: Stored<Notifications> | undefined) => Commit | Promise<Commit>,
  ): Promise<NotificationsView> => {
    await commitAnew(ledger, async () => {
      const parts = await make(await readNotifications(ledger, accountId))
      return { parts, result: undefined }
    })
    return await view(accountId)
  }

  const api = Router()
  api.get('/notifications', async (request, response) => {
    response.json(await view(customerOf(request).accountId))
  })

  api.post('/notifications/email', jsonBody(), async (request, response) => {
    const { accountId } = customerOf(request)
    const { address } = parseEmail(request.body)
    if (!byMail) throw new DomainError('forbidden', 'This vault sends no e-mail')
    await perCustomer(accountId)
    await perAddress(address.toLowerCase())
    const email: EmailChannel = { address, isConfirmed: false, confirm: newHandle(), stop: newHandle() }
    const changed = await change(accountId, async (found) =>
      combine(
        setEmail(names, found, accountId, email),
        mailJob(accountId, 'confirm', now()),
        await staying(ledger, accountId),
        await sessions.holding(request),
        await inLanguageOf(request, accountId),
      ),
    )
    response.json(changed)
  })

  api.post('/notifications/email/confirm', jsonBody(), async (request, response) => {
    const { accountId } = customerOf(request)
    const { confirm } = parseConfirm(request.body)
    const changed = await change(accountId, async (found) => {
      const email = found?.value.email
      if (email?.confirm !== confirm)
        throw new DomainError('not-found', 'This link is not of the address you gave last')
      if (email.isConfirmed) return {}
      return combine(
        setEmail(names, found, accountId, { ...email, isConfirmed: true }),
        await staying(ledger, accountId),
        await lookAtAll(ledger, accountId, now()),
      )
    })
    response.json(changed)
  })

  api.post('/notifications/email/remove', jsonBody(), async (request, response) => {
    const { accountId } = customerOf(request)
    parseNothing(request.body)
    const changed = await change(accountId, (found) =>
      found?.value.email === undefined ? {} : setEmail(names, found, accountId, undefined),
    )
    response.json(changed)
  })

  api.post('/notifications/browsers', jsonBody(), async (request, response) => {
    const { accountId } = customerOf(request)
    const browser = parseBrowser(request.body)
    await perCustomer(accountId)
    const changed = await change(accountId, async (found) => {
      const others = (found?.value.push ?? []).filter(({ endpoint }) => endpoint !== browser.endpoint)
      // The oldest gives way: browsers that were left do not say so.
      const kept = [...others, browser].slice(-mostBrowsers)
      return combine(
        setPush(found, accountId, kept),
        await staying(ledger, accountId),
        await sessions.holding(request),
        await lookAtAll(ledger, accountId, now()),
        await inLanguageOf(request, accountId),
      )
    })
    response.json(changed)
  })

  api.post('/notifications/browsers/remove', jsonBody(), async (request, response) => {
    const { accountId } = customerOf(request)
    const { endpoint } = parseRemoval(request.body)
    await forgetBrowser(ledger, accountId, endpoint)
    response.json(await view(accountId))
  })

  const open = Router()
  open.post<{ stop: string }>('/unsubscribe/:stop', async (request, response) => {
    const { stop } = request.params
    const found = /^[A-Za-z0-9_-]{43}$/.test(stop) ? await findByStop(ledger, names, stop) : undefined
    if (found !== undefined)
      await change(found.accountId, (stored) =>
        stored?.value.email?.stop === stop ? setEmail(names, stored, found.accountId, undefined) : {},
      )
    // The same for a link that is not one: who guesses learns nothing.
    response.status(204).end()
  })

  return { api, open }
}

import { Router } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { day } from '#core/domain/times.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import type { JobHandlers } from '#core/jobs/worker.ts'
import type { Json, Ledger } from '#core/ledger/ledger.ts'
import { newHandle, newId } from '#core/records/ids.ts'
import { enqueueJob } from '#core/records/jobs.ts'
import type { Names } from '#core/records/names.ts'
import { findByStop, noteTold, readNotifications, setEmail } from '#core/records/notifications.ts'
import type { EmailChannel } from '#core/records/notifications.ts'
import { combine } from '#core/records/parts.ts'
import type { CommitParts } from '#core/records/parts.ts'
import type { NotificationsView } from '#schemas/types.gen.ts'
import type { SendMail } from '../mail/mailer.ts'
import { limitPer } from './limits.ts'
import type { TellCustomer } from './reminders.ts'
import { customerOf } from './session.ts'

const sendMailJob = 'send-mail'

interface Parts {
  readonly ledger: Ledger
  readonly names: Names
  readonly vaultUrl: string
  /** `undefined` where nobody is written to. */
  readonly sendMail: SendMail | undefined
  readonly now: () => number
}

type About = 'confirm' | 'reminder'

/** A message to whatever address she has when it is sent: nothing of it lies in the queue. */
function mailJob(accountId: string, about: About, at: number): CommitParts {
  const payload = { accountId, about }
  return enqueueJob({ id: `${sendMailJob}-${newId()}`, kind: sendMailJob, payload, customer: accountId }, at)
}

/**
 * Writing to customers who asked for it, at an address they confirmed: `GET /notifications`, and `POST
 * /notifications/email`, `/confirm` and `/remove`. `open` is `POST /unsubscribe/:stop` (RFC 8058), which needs no session and
 * does nothing but stop.
 */
export function notifications({ ledger, names, vaultUrl, sendMail, now }: Parts): {
  api: Router
  open: Router
  handlers: JobHandlers
  tell: TellCustomer
} {
  const parseEmail = parser('api/set-email.json')
  const parseConfirm = parser('api/confirm-email.json')
  const parseNothing = parser('api/nothing.json')
  // Nobody's mailbox is to be filled from here, by one customer or by many.
  const perCustomer = limitPer({ points: 5, seconds: 3_600 })
  const perAddress = limitPer({ points: 3, seconds: 3_600 })

  const view = async (accountId: string): Promise<NotificationsView> => {
    const email = (await readNotifications(ledger, accountId))?.value.email
    return {
      emailOffered: sendMail !== undefined,
      ...(email === undefined ? {} : { email: { address: email.address, confirmed: email.isConfirmed } }),
    }
  }

  const api = Router()
  api.get('/notifications', async (request, response) => {
    response.json(await view(customerOf(request).accountId))
  })

  api.post('/notifications/email', jsonBody(), async (request, response) => {
    const { accountId } = customerOf(request)
    const { address } = parseEmail(request.body)
    if (sendMail === undefined) throw new DomainError('forbidden', 'This vault sends no e-mail')
    await perCustomer(accountId)
    await perAddress(address.toLowerCase())
    const found = await readNotifications(ledger, accountId)
    const email: EmailChannel = { address, isConfirmed: false, confirm: newHandle(), stop: newHandle() }
    const at = now()
    await ledger.commit(combine(setEmail(names, found, accountId, email), mailJob(accountId, 'confirm', at)))
    response.json(await view(accountId))
  })

  api.post('/notifications/email/confirm', jsonBody(), async (request, response) => {
    const { accountId } = customerOf(request)
    const { confirm } = parseConfirm(request.body)
    const found = await readNotifications(ledger, accountId)
    const email = found?.value.email
    if (email?.confirm !== confirm)
      throw new DomainError('not-found', 'This link is not of the address you gave last')
    if (!email.isConfirmed)
      await ledger.commit(setEmail(names, found, accountId, { ...email, isConfirmed: true }))
    response.json(await view(accountId))
  })

  api.post('/notifications/email/remove', jsonBody(), async (request, response) => {
    const { accountId } = customerOf(request)
    parseNothing(request.body)
    const found = await readNotifications(ledger, accountId)
    if (found?.value.email !== undefined) await ledger.commit(setEmail(names, found, accountId, undefined))
    response.json(await view(accountId))
  })

  const open = Router()
  open.post<{ stop: string }>('/unsubscribe/:stop', async (request, response) => {
    const { stop } = request.params
    const found = /^[A-Za-z0-9_-]{43}$/.test(stop) ? await findByStop(ledger, names, stop) : undefined
    if (found !== undefined) await ledger.commit(setEmail(names, found.stored, found.accountId, undefined))
    // The same for a link that is not one: who guesses learns nothing.
    response.status(204).end()
  })

  async function send({ payload }: { readonly payload: Json }): Promise<void> {
    const { accountId, about } = payload as { accountId: string; about: About }
    const email = (await readNotifications(ledger, accountId))?.value.email
    // Removed meanwhile, or another address, which has had a message of its own.
    if (sendMail === undefined || email === undefined || email.isConfirmed !== (about === 'reminder')) return
    const unsubscribeUrl = `${vaultUrl}/unsubscribe/${email.stop}`
    await sendMail({
      to: email.address,
      unsubscribeUrl,
      ...words(about, { vaultUrl, email, unsubscribeUrl }),
    })
  }

  return {
    api,
    open,
    handlers: { [sendMailJob]: { run: send } },
    async tell(accountId, at) {
      const stored = await readNotifications(ledger, accountId)
      if (sendMail === undefined || stored?.value.email?.isConfirmed !== true) return {}
      if (at - (stored.value.lastToldAt ?? Number.NEGATIVE_INFINITY) < day) return {}
      return combine(noteTold(stored, accountId, at), mailJob(accountId, 'reminder', at))
    },
  }
}

/** Names nobody and nothing: neither the customer, nor a business, nor what she keeps. */
function words(
  about: About,
  { vaultUrl, email, unsubscribeUrl }: { vaultUrl: string; email: EmailChannel; unsubscribeUrl: string },
): { subject: string; text: string } {
  const stop = `To get no more of these messages: ${unsubscribeUrl}`
  if (about === 'confirm')
    return {
      subject: 'Confirm this address for your vault',
      text: [
        'Somebody, probably you, asked to be reminded at this address of what needs a look in their vault.',
        `To confirm it, open this page while signed in: ${vaultUrl}/settings?confirm=${email.confirm}`,
        'If it was not you, do nothing: nothing more is sent.',
        stop,
        '',
      ].join('\n\n'),
    }
  return {
    subject: 'Something in your vault wants your attention',
    text: [
      `There is something to look at in your vault: ${vaultUrl}/`,
      'For your privacy this message says no more.',
      stop,
      '',
    ].join('\n\n'),
  }
}

import type { Language } from '#core/domain/category-file.ts'
import { day } from '#core/domain/times.ts'
import type { JobHandlers } from '#core/jobs/worker.ts'
import type { Json, Ledger, LedgerReader } from '#core/ledger/ledger.ts'
import { commitAnew } from '#core/ledger/try-commit.ts'
import { readAccount } from '#core/records/accounts.ts'
import { newId } from '#core/records/ids.ts'
import { enqueueJob } from '#core/records/jobs.ts'
import { noteTold, readNotifications, setPush } from '#core/records/notifications.ts'
import { combine } from '#core/records/parts.ts'
import type { CommitParts } from '#core/records/parts.ts'
import type { SendMail } from '../mail/mailer.ts'
import type { SendPush } from '../mail/web-push.ts'
import { mailOf, pushOf } from '../mail/words.ts'
import type { About } from '../mail/words.ts'
import type { WayTo } from './reminders.ts'

const sendMailJob = 'send-mail'
const sendPushJob = 'send-push'

/** A message to whatever address she has when it is sent: nothing of it lies in the queue. */
export function mailJob(accountId: string, about: About, at: number): CommitParts {
  const payload = { accountId, about }
  return enqueueJob({ id: `${sendMailJob}-${newId()}`, kind: sendMailJob, payload, customer: accountId }, at)
}

function pushJob(accountId: string, endpoint: string, at: number): CommitParts {
  const payload = { accountId, endpoint }
  return enqueueJob({ id: `${sendPushJob}-${newId()}`, kind: sendPushJob, payload, customer: accountId }, at)
}

/** Reminders by every way a customer asked for, bundled: once a day at most. `byMail`: this vault can. */
export function tellingBy({ reader, byMail }: { reader: LedgerReader; byMail: boolean }): WayTo {
  return async (accountId) => {
    const stored = await readNotifications(reader, accountId)
    const { email, push: browsers = [], lastToldAt = Number.NEGATIVE_INFINITY } = stored?.value ?? {}
    const isMailed = byMail && email?.isConfirmed === true
    if (stored === undefined || (browsers.length === 0 && !isMailed)) return undefined
    return {
      hasHeard: (at) => lastToldAt > at - day,
      // It names nothing: who came then saw all that was open.
      tellsFrom: (since) => (since <= lastToldAt ? since : lastToldAt + day),
      tell(at) {
        if (at - lastToldAt < day) return {}
        const ways = browsers.map(({ endpoint }) => pushJob(accountId, endpoint, at))
        if (isMailed) ways.push(mailJob(accountId, 'reminder', at))
        return combine(noteTold(stored, accountId, at), ...ways)
      },
    }
  }
}

/** The jobs that write: `send-mail` and `send-push`. */
export function notificationJobs({
  ledger,
  vaultUrl,
  sendMail,
  sendPush,
}: {
  ledger: Ledger
  vaultUrl: string
  /** `undefined` where nobody is written to. */
  sendMail: SendMail | undefined
  sendPush: SendPush
}): JobHandlers {
  async function send({ payload }: { readonly payload: Json }): Promise<void> {
    const { accountId, about } = payload as { accountId: string; about: About }
    const email = (await readNotifications(ledger, accountId))?.value.email
    // Removed meanwhile, or another address, which has had a message of its own.
    if (sendMail === undefined || email === undefined || email.isConfirmed !== (about === 'reminder')) return
    const unsubscribeUrl = `${vaultUrl}/unsubscribe/${email.stop}`
    const open = about === 'confirm' ? `${vaultUrl}/settings?confirm=${email.confirm}` : `${vaultUrl}/`
    const message = mailOf(about, await languageOf(accountId), { open, stop: unsubscribeUrl })
    await sendMail({ to: email.address, unsubscribeUrl, ...message })
  }

  async function languageOf(accountId: string): Promise<Language> {
    return (await readAccount(ledger, accountId))?.value.language ?? 'en'
  }

  /** One browser a job: what is slow or gone holds up no other. */
  async function pushTo({ payload }: { readonly payload: Json }): Promise<void> {
    const { accountId, endpoint } = payload as { accountId: string; endpoint: string }
    const stored = await readNotifications(ledger, accountId)
    const browser = stored?.value.push?.find((one) => one.endpoint === endpoint)
    if (browser === undefined) return
    const words = pushOf(await languageOf(accountId))
    if ((await sendPush(browser, words)) === 'gone') await forgetBrowser(ledger, accountId, endpoint)
  }

  return {
    [sendMailJob]: { run: send },
    [sendPushJob]: {
      run: pushTo,
      laneOf: async (payload) => new URL((payload as { endpoint: string }).endpoint).host,
    },
  }
}

/** One browser, or all. */
export async function forgetBrowser(
  ledger: Ledger,
  accountId: string,
  endpoint: string | undefined,
): Promise<void> {
  await commitAnew(ledger, async () => {
    const found = await readNotifications(ledger, accountId)
    const before = found?.value.push ?? []
    const kept = endpoint === undefined ? [] : before.filter((browser) => browser.endpoint !== endpoint)
    return { parts: kept.length < before.length ? setPush(found, accountId, kept) : {}, result: undefined }
  })
}

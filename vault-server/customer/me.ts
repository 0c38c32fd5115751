import { Router } from 'express'
import type { Config } from '#core/config.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { commitAnew } from '#core/ledger/try-commit.ts'
import type { Ledger, LedgerReader } from '#core/ledger/ledger.ts'
import type { PodReader } from '#core/pods/pod.ts'
import { changeAccount, readAccount, readCustomerStanding } from '#core/records/accounts.ts'
import { readPodMove } from '#core/records/pod-moves.ts'
import type { Account, Me } from '#schemas/types.gen.ts'
import type { EmbeddedPods } from '../pods/embedded.ts'
import type { ReachPods } from '../pods/reach-pods.ts'
import { customerIfAny, customerOf } from './session.ts'
import type { Customer } from './session.ts'

export type ShowMe = (customer: (Pick<Customer, 'accountId'> & Partial<Customer>) | undefined) => Promise<Me>

/**
 * What the app shows first: how this Reach is set up, whether its pods are there yet, and who is signed in.
 */
export function meOf(options: {
  reader: LedgerReader
  config: Pick<Config, 'mode' | 'tour' | 'podOrigins'>
  podServer: EmbeddedPods | undefined
  pods: ReachPods
  /** Nobody here is a real person. */
  sandbox: boolean
}): ShowMe {
  const { reader, config, podServer, pods, sandbox } = options
  return async (customer) => {
    const account = customer && (await readAccount(reader, customer.accountId))?.value
    const standing = customer && (await readCustomerStanding(reader, customer.accountId))?.value
    const setup = {
      mode: config.mode,
      tour: config.tour,
      ...(sandbox ? { sandbox } : {}),
      embeddedPods: config.podOrigins.length > 0,
      podsReady: podServer === undefined || podServer.state === 'ready',
      agent: pods.agent.webId,
    }
    if (account === undefined) return { signedIn: false, ...setup }
    const { accountId, webId, issuer, container, actingAs, language } = account
    const podAccess = standing?.podAccess ?? 'none'
    const lostCategories = standing?.lostCategories
    const name = podAccess === 'open' ? await nameOf(account, pods) : undefined
    const isMoving = (await readPodMove(reader, accountId)) !== undefined
    const trouble = podAccess === 'open' ? pods.trouble(accountId) : undefined
    return {
      signedIn: true,
      ...(customer?.podLogin === undefined ? { byPasskey: true as const } : {}),
      ...setup,
      accountId,
      webId,
      issuer,
      container,
      podAccess,
      boundSeconds: pods.boundOf(container) / 1000,
      ...(name === undefined ? {} : { name }),
      ...(language === undefined ? {} : { language }),
      ...(isMoving ? { moving: true as const } : {}),
      ...(actingAs === undefined ? {} : { actingAs }),
      ...(lostCategories === undefined ? {} : { lostCategories }),
      ...(trouble === undefined
        ? {}
        : { podTrouble: { reason: trouble.reason, since: new Date(trouble.since).toISOString() } }),
    }
  }
}

/** A greeting is not worth waiting long for a pod, nor failing with it. */
const nameWithinMs = 1_000

async function nameOf(account: Account, pods: PodReader): Promise<string | undefined> {
  const fields = ['profile.name']
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, nameWithinMs, undefined).unref())
  const read =
    pods.peek(account, fields) ??
    (await Promise.race([pods.read(account, fields).catch(() => undefined), late]))
  const text = read?.fragments.get('profile.name')
  return text === undefined ? undefined : String(JSON.parse(text))
}

/** `GET /me`, for everybody; `POST /me/language`, for customers. */
export function meRoutes({ ledger, showMe }: { ledger: Ledger; showMe: ShowMe }): Router {
  const parseLanguage = parser('api/set-language.json')
  const router = Router()
  router.get('/me', async (request, response) => {
    response.json(await showMe(customerIfAny(request)))
  })
  router.post('/me/language', jsonBody(), async (request, response) => {
    const { accountId } = customerOf(request)
    const { language } = parseLanguage(request.body)
    await commitAnew(ledger, async () => {
      const account = await readAccount(ledger, accountId)
      const isNew = account !== undefined && account.value.language !== language
      return { parts: isNew ? changeAccount(account, { language }) : {}, result: undefined }
    })
    response.status(204).end()
  })
  return router
}

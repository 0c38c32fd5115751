import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Interaction, InteractionResults, Provider } from 'oidc-provider'
import { errors } from 'oidc-provider'
import { refusalTime } from '#core/domain/boundary.ts'
import { DomainError } from '#core/domain/errors.ts'
import type { Json, Ledger } from '#core/ledger/ledger.ts'
import { pointOAuthGrant } from '#core/records/oauth-grants.ts'
import { oauthModelKey } from '#core/records/oauth-models.ts'
import type { CommitParts } from '#core/records/parts.ts'
import { keepWay, readWay } from '#core/records/request-ways.ts'
import { refuseLater } from '#core/records/turned-away.ts'
import type { AccessRequest, Grant } from '#schemas/types.gen.ts'
import { collect } from './collected.ts'
import type { Collection } from './collected.ts'
import { batchScope, customerScopes } from './policies.ts'
import { requestIdOf } from './received.ts'
import { narrowed } from './token-details.ts'
import { answering } from './ways.ts'
import type { OAuthGrant, Refusal } from './ways.ts'

export type Exchange = readonly [request: IncomingMessage, response: ServerResponse]

/** A request that somebody wants to see or answer, and how her answer can reach the business. */
export interface Asked {
  readonly exchange: Exchange
  readonly requestId: string
  /** Whether the browser that the business sent is the one that asks; otherwise it must be the customer's already. */
  readonly isSent: boolean
  /** The business's address that the browser comes to in the end; absent where no browser goes back. */
  readonly redirectUri?: string
}

/** What the library adds to the commit of a decision. */
export interface Concluded {
  /** Back to the business, by way of this server; absent where no browser goes back. */
  readonly returnTo?: string
  /** What the customer hands over at the business, where the answer is worth nothing without it. */
  readonly pickupCode?: string
  readonly parts: CommitParts
}

/** Requests of the authorization server, for the routes under `/consent/:uid`. Nothing here commits. */
export interface Interactions {
  /**
   * `uid`: of the interaction that the cookie of this browser opens, or the id of a request. `undefined` when there is
   * neither; `request-expired` when what the cookie names is over.
   */
  find(exchange: Exchange, uid: string): Promise<Asked | undefined>
  /** The customer is signed in and allows: one OAuth Grant that points to our grant. */
  allow(asked: Asked, grant: Grant): Promise<Concluded>
  /** Told to the business as RFC 6749 4.1.2.1 has it, or in the answer to its next poll. */
  refuse(asked: Asked, refusal: Refusal): Promise<Concluded>
  /** The business gets the answer after a while, in which nobody can tell whether somebody looks at its request. */
  turnAway(request: Pick<AccessRequest, 'requestId'>): CommitParts
  /** Refused with nobody at a page: told to the next poll. A browser that is still at its page goes back by `refuse`. */
  refuseUnseen(requestId: string): Promise<CommitParts>
  /** A request that a browser brought can be answered until `expires` (Unix ms), wherever its customer is signed in. */
  keepOpen(requestId: string, expires: number): Promise<CommitParts>
  /**
   * Lets this browser go the way back, once the decision is committed: only the browser that answered from the list gets
   * the cookie for it.
   */
  sendBack(asked: Asked, returnTo: string | undefined): void
}

/** What a business is told of a refusal, whoever or whatever refused. */
export const declined: Refusal = {
  error: 'access_denied',
  description: 'the customer declined',
  final: true,
}

export function openInteractions({
  provider,
  ledger,
  gatewayUrl,
  mode,
  now,
}: {
  provider: Provider
  ledger: Ledger
  gatewayUrl: string
  mode: 'development' | 'production'
  /** Unix ms. */
  now: () => number
}): Interactions {
  const ways = answering({ provider, gatewayUrl, now })

  async function details([request, response]: Exchange): Promise<Interaction & { parJti: string }> {
    const interaction: Interaction & { parJti?: string } = await provider
      .interactionDetails(request, response)
      .catch((cause: unknown) => {
        if (!(cause instanceof errors.SessionNotFound)) throw cause
        throw new DomainError('request-expired', 'This request has expired, or was answered already', {
          cause,
        })
      })
    const { parJti } = interaction
    if (parJti === undefined) throw new Error('an interaction without a pushed request')
    return Object.assign(interaction, { parJti })
  }

  async function conclude(
    [request, response]: Exchange,
    result: InteractionResults,
    collection: Collection,
  ): Promise<Concluded> {
    const options = { mergeWithLastSubmission: false }
    const returnTo = await provider.interactionResult(request, response, result, options)
    return { returnTo, parts: collection.commit() }
  }

  async function save(grant: Grant, asked: { clientId: string; scope: string }) {
    const { clientId, scope } = asked
    if (clientId !== grant.clientId) throw new Error('the grant is for another client')
    // It lives as long as any grant can: ours decides, may be given another end, and takes it along when it ends.
    const oauthGrant: OAuthGrant = new provider.Grant({ accountId: grant.accountId, clientId })
    // Every scope asked must be granted or rejected, or the library asks again.
    for (const one of scope.split(' ')) {
      if (customerScopes.includes(one)) oauthGrant.addOIDCScope(one)
      if (one === batchScope) oauthGrant.rejectResourceScope(gatewayUrl, one)
    }
    oauthGrant.addRar(narrowed(grant, undefined))
    const oauthGrantId = await oauthGrant.save()
    return { oauthGrant, parts: await pointOAuthGrant(ledger, oauthGrantId, grant.grantId) }
  }

  async function wayOf({ requestId }: Asked) {
    const way = await readWay(ledger, requestId)
    if (way === undefined) throw new DomainError('request-expired', 'This request can no longer be answered')
    return way
  }

  return {
    async find(exchange, uid) {
      const { cookies } = provider.createContext(...exchange)
      if (cookies.get(provider.cookieName('interaction'), { signed: true }) !== undefined) {
        const interaction = await details(exchange)
        if (interaction.uid !== uid) return undefined
        const redirectUri = String(interaction.params['redirect_uri'])
        return { exchange, requestId: requestIdOf(interaction.parJti), isSent: true, redirectUri }
      }
      const way = await readWay(ledger, uid)
      if (way === undefined) return undefined
      const redirectUri = ways.redirectUriOf(way)
      return {
        exchange,
        requestId: uid,
        isSent: false,
        ...(redirectUri === undefined ? {} : { redirectUri }),
      }
    },

    async allow(asked, grant) {
      const { result } = await collect(async (collection): Promise<Concluded> => {
        if (!asked.isSent) {
          const way = await wayOf(asked)
          const { oauthGrant, parts } = await save(grant, await ways.askedBy(way))
          collection.add(parts)
          return { ...(await ways.allow(way, grant, oauthGrant, collection)), parts: collection.commit() }
        }
        const { params } = await details(asked.exchange)
        const { client_id: clientId, scope = '' } = params
        const { oauthGrant, parts } = await save(grant, { clientId: String(clientId), scope: String(scope) })
        collection.add(parts)
        const login = { accountId: grant.accountId, remember: false }
        return conclude(asked.exchange, { login, consent: { grantId: oauthGrant.jti } }, collection)
      })
      return result
    },

    async refuse(asked, refusal) {
      const { result } = await collect(async (collection): Promise<Concluded> => {
        if (!asked.isSent) {
          const told = await ways.refuse(await wayOf(asked), refusal, collection)
          return { ...told, parts: collection.commit() }
        }
        const { parJti } = await details(asked.exchange)
        if (refusal.final) collection.add(await spentRequest(ledger, parJti))
        const { error, description } = refusal
        return conclude(asked.exchange, { error, error_description: description }, collection)
      })
      return result
    },

    turnAway({ requestId }) {
      return refuseLater(requestId, refusalTime({ now: now(), random: Math.random(), mode }))
    },

    async refuseUnseen(requestId) {
      const way = await readWay(ledger, requestId)
      if (way === undefined) return {}
      if (way.channel === 'browser') return spentRequest(ledger, ways.pushedRequestOf(way))
      const { collection } = await collect((saved) => ways.refuse(way, declined, saved))
      return collection.commit()
    },

    async keepOpen(requestId, expires) {
      const way = await readWay(ledger, requestId)
      return way === undefined ? {} : keepWay(requestId, way, expires)
    },

    sendBack({ exchange, isSent }, returnTo) {
      if (!isSent && returnTo !== undefined) ways.letResume(exchange, returnTo)
    },
  }
}

/** A pushed request that was refused is used up, like one that was allowed. */
async function spentRequest(ledger: Ledger, pushedRequestId: string): Promise<CommitParts> {
  const key = oauthModelKey('PushedAuthorizationRequest', pushedRequestId)
  const row = await ledger.get<{ readonly exp: number; readonly [member: string]: Json }>(key)
  if (row === undefined) return {}
  const value = { ...row.value, consumed: row.value.exp }
  return {
    checks: [{ key, version: row.version }],
    writes: [{ key, value, expires: (row.value.exp + 10) * 1000 }],
  }
}

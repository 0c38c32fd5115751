import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Interaction, InteractionResults, Provider } from 'oidc-provider'
import { errors } from 'oidc-provider'
import { DomainError } from '#core/domain/errors.ts'
import type { Json, Ledger } from '#core/ledger/ledger.ts'
import { pointOAuthGrant } from '#core/records/oauth-grants.ts'
import { oauthModelKey } from '#core/records/oauth-models.ts'
import type { CommitParts } from '#core/records/parts.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { collect } from './collected.ts'
import type { Collection } from './collected.ts'
import { requestIdOf } from './grant-hooks.ts'
import { batchScope, customerScopes } from './policies.ts'
import { narrowed } from './token-details.ts'

export type Exchange = readonly [request: IncomingMessage, response: ServerResponse]

/** What a browser came with: the request that its cookie opens. */
export interface OpenInteraction {
  readonly uid: string
  readonly requestId: string
  /** Where the browser goes when the customer is done: back to the business, by way of this server. */
  readonly returnTo: string
  /** The business's address that the browser comes to in the end. */
  readonly redirectUri: string
}

/** What the library adds to the commit of a decision. */
export interface Concluded {
  readonly returnTo: string
  readonly parts: CommitParts
}

/** Interactions of the authorization server, for the routes under `/consent/:uid`. Nothing here commits. */
export interface Interactions {
  /** `undefined` without our cookie (another browser); `request-expired` when what it names is over. */
  find(exchange: Exchange): Promise<OpenInteraction | undefined>
  /** The customer is signed in and allows: one OAuth Grant that points to our grant. */
  allow(exchange: Exchange, grant: Grant): Promise<Concluded>
  /** Told to the business as RFC 6749 4.1.2.1 has it. `final`: the pushed request cannot be opened again. */
  refuse(
    exchange: Exchange,
    refusal: { readonly error: string; readonly description: string; readonly final: boolean },
  ): Promise<Concluded>
}

export function openInteractions({
  provider,
  ledger,
  gatewayUrl,
}: {
  provider: Provider
  ledger: Ledger
  gatewayUrl: string
}): Interactions {
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
    add: (collection: Collection) => Promise<void>,
    collection: Collection,
  ): Promise<Concluded> {
    await add(collection)
    const options = { mergeWithLastSubmission: false }
    const returnTo = await provider.interactionResult(request, response, result, options)
    return { returnTo, parts: collection.commit() }
  }

  return {
    async find(exchange) {
      const { cookies } = provider.createContext(...exchange)
      if (cookies.get(provider.cookieName('interaction'), { signed: true }) === undefined) return undefined
      const { uid, parJti, returnTo, params } = await details(exchange)
      const redirectUri = String(params['redirect_uri'])
      return { uid, requestId: requestIdOf(parJti), returnTo, redirectUri }
    },

    async allow(exchange, grant) {
      const { result } = await collect(async (collection) => {
        const { params } = await details(exchange)
        const clientId = String(params['client_id'])
        if (clientId !== grant.clientId) throw new Error('the grant is for another client')
        // It lives as long as any grant can: ours decides, may be given another end, and takes it along when it ends.
        const oauthGrant = new provider.Grant({ accountId: grant.accountId, clientId })
        // Every scope asked must be granted or rejected, or the library asks again.
        for (const scope of String(params['scope'] ?? '').split(' ')) {
          if (customerScopes.includes(scope)) oauthGrant.addOIDCScope(scope)
          if (scope === batchScope) oauthGrant.rejectResourceScope(gatewayUrl, scope)
        }
        oauthGrant.addRar(narrowed(grant, undefined))
        const oauthGrantId = await oauthGrant.save()
        const login = { accountId: grant.accountId, remember: false }
        return conclude(
          exchange,
          { login, consent: { grantId: oauthGrantId } },
          async () => collection.add(await pointOAuthGrant(ledger, oauthGrantId, grant.grantId)),
          collection,
        )
      })
      return result
    },

    async refuse(exchange, { error, description, final }) {
      const { result } = await collect(async (collection) => {
        const { parJti } = await details(exchange)
        return conclude(
          exchange,
          { error, error_description: description },
          async () => {
            if (final) collection.add(await spentRequest(ledger, parJti))
          },
          collection,
        )
      })
      return result
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

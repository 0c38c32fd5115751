import { errors } from 'oidc-provider'
import type { Interaction, InteractionResults, Provider } from 'oidc-provider'
import { DomainError } from '#core/domain/errors.ts'
import { newHandle } from '#core/records/ids.ts'
import { awaitPickup } from '#core/records/pickups.ts'
import type { RequestWay } from '#core/records/request-ways.ts'
import type { Grant } from '#schemas/types.gen.ts'
import type { Collection } from './collected.ts'
import type { Concluded, Exchange } from './interactions.ts'
import { pingOf } from './ciba-ping.ts'
import { newPickupCode } from './pickup.ts'
import { customerScopes } from './policies.ts'

export type OAuthGrant = InstanceType<Provider['Grant']>

export interface Refusal {
  readonly error: 'access_denied' | 'interaction_required'
  readonly description: string
  /** The request cannot be answered again. */
  readonly final: boolean
}

type Told = Omit<Concluded, 'parts'>
/** Members of a stored interaction that a new one of it takes over; the rest is made anew. */
type Kept = Pick<Interaction, 'params' | 'prompt' | 'trusted' | 'cid'> & { readonly parJti: string }

/** Seconds for the way back to the business after an answer from the list. */
const resumeLife = 600

/**
 * How an answer that is given without the cookie of an interaction reaches the business. All saves of the library go into
 * the collection of the decision around the call.
 */
export function answering({
  provider,
  gatewayUrl,
  now,
}: {
  provider: Provider
  gatewayUrl: string
  now: () => number
}) {
  return { redirectUriOf, pushedRequestOf, askedBy, allow, refuse, letResume }

  function redirectUriOf(way: RequestWay): string | undefined {
    return way.channel === 'browser' ? String(keptOf(way).params['redirect_uri']) : undefined
  }

  function pushedRequestOf(way: RequestWay & { channel: 'browser' }): string {
    return keptOf(way).parJti
  }

  /** The client that asked, and for which scopes. */
  async function askedBy(way: RequestWay): Promise<{ clientId: string; scope: string }> {
    if (way.channel === 'browser') {
      const { client_id: clientId, scope = '' } = keptOf(way).params
      return { clientId: String(clientId), scope: String(scope) }
    }
    const { clientId = '', params } = way.channel === 'ciba' ? await question(way.id) : await link(way.id)
    return { clientId, scope: String(params?.['scope'] ?? '') }
  }

  async function allow(
    way: RequestWay,
    grant: Grant,
    oauthGrant: OAuthGrant,
    collection: Collection,
  ): Promise<Told> {
    const { accountId } = grant
    switch (way.channel) {
      case 'browser':
        if (!(await canReturn(way))) throw expired()
        return anew(way, { login: { accountId, remember: false }, consent: { grantId: oauthGrant.jti } })
      case 'ciba':
        await answer(way.id, oauthGrant, collection)
        return {}
      case 'link': {
        const code = await link(way.id)
        const scope = String(code.params?.['scope'] ?? '')
          .split(' ')
          .filter((one) => customerScopes.includes(one))
          .join(' ')
        const { jti: grantId, rar } = oauthGrant
        await Object.assign(code, { accountId, grantId, rar, scope, resource: gatewayUrl }).save()
        const pickupCode = newPickupCode()
        collection.add(awaitPickup(grantId, pickupCode, grant.redeemBy))
        return { pickupCode }
      }
    }
  }

  /** What is not final is no news for a business that polls: its request simply stays open. */
  async function refuse(
    way: RequestWay,
    { error, description, final }: Refusal,
    collection: Collection,
  ): Promise<Told> {
    if (way.channel === 'browser')
      return (await canReturn(way)) ? anew(way, { error, error_description: description }) : {}
    if (!final) return {}
    if (way.channel === 'ciba') await answer(way.id, new errors.AccessDenied(description), collection)
    else await Object.assign(await link(way.id), { error, errorDescription: description }).save()
    return {}
  }

  async function answer(id: string, result: OAuthGrant | errors.OIDCProviderError, collection: Collection) {
    const asked = await question(id)
    const client = await provider.Client.find(String(asked.clientId))
    // A business that has left asks for no answer any more.
    if (client === undefined) return
    await provider.backchannelResult(asked, result, 'rar' in result ? { rar: result.rar } : {})
    collection.add(pingOf(asked, client, now()))
  }

  /** An address that the business has given up since it asked may be somebody else's by now. */
  async function canReturn(way: RequestWay & { channel: 'browser' }): Promise<boolean> {
    const { client_id: clientId, redirect_uri: address } = keptOf(way).params
    const client = await provider.Client.find(String(clientId))
    return client?.redirectUriAllowed(String(address)) === true
  }

  /**
   * A new interaction with the answer in it. Its uid is told to nobody but the browser that answered: whoever else has
   * opened the request holds the uid of another one, in which there is nothing.
   */
  async function anew(way: RequestWay & { channel: 'browser' }, result: InteractionResults): Promise<Told> {
    const uid = newHandle()
    const returnTo = `${provider.issuer}/auth/${uid}`
    const Anew = provider.Interaction as unknown as new (uid: string, members: object) => Interaction
    await new Anew(uid, { ...keptOf(way), returnTo, result }).save(resumeLife)
    return { returnTo }
  }

  function letResume(exchange: Exchange, returnTo: string): void {
    const { pathname: path } = new URL(returnTo)
    const uid = path.slice(path.lastIndexOf('/') + 1)
    const { cookies } = provider.createContext(...exchange)
    const options = { httpOnly: true, sameSite: 'lax', signed: true, overwrite: true } as const
    cookies.set(provider.cookieName('resume'), uid, { ...options, path, maxAge: resumeLife * 1000 })
  }

  async function question(id: string) {
    const found = await provider.BackchannelAuthenticationRequest.find(id)
    if (found === undefined) throw expired()
    return found
  }

  async function link(id: string) {
    const found = await provider.DeviceCode.find(id)
    if (found === undefined) throw expired()
    return found
  }
}

function keptOf({ interaction }: RequestWay & { channel: 'browser' }): Kept {
  const { params, prompt, trusted, cid, parJti } = interaction as unknown as Kept
  return { params, prompt, cid, parJti, ...(trusted === undefined ? {} : { trusted }) }
}

function expired(): DomainError {
  return new DomainError('request-expired', 'This request can no longer be answered')
}

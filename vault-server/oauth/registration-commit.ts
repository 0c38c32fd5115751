import { isDeepStrictEqual } from 'node:util'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { DomainError } from '#core/domain/errors.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { departure } from '#core/records/departures.ts'
import { vendorEntry } from '#core/records/entries.ts'
import { collect } from './collected.ts'
import { vendorIdOf } from './policies.ts'

type Next = () => Promise<void>

/**
 * Makes one commit of everything that a registration, its change or its deletion saves: the client, the spent
 * admission code, the access token for the registration, and the business that the client belongs to. Of two
 * registrations with one code only one can commit.
 */
export function registrationCommit({ ledger, now }: { ledger: Ledger; now: () => number }) {
  return async (ctx: KoaContextWithOIDC, next: Next): Promise<void> => {
    if (!changesClient(ctx.method, ctx.path)) return next()
    await collect(async (collection) => {
      await next()
      if (ctx.status >= 300) return
      const { route, client, body } = ctx.oidc
      const statement = body?.['software_statement']
      // RFC 7591 section 3.2.1: returned as it was sent.
      if (route === 'registration') ctx.body = { ...objectOf(ctx.body), software_statement: statement }
      if (route === 'client_update' && !isDeepStrictEqual(client?.jwks, body?.['jwks']))
        collection.add({
          entries: [vendorEntry({ type: 'vendor-keys-changed', vendor: vendorIdOf(client) })],
        })
      try {
        if (route === 'client_delete')
          collection.add((await departure(ledger, vendorIdOf(client), now())).parts)
        await ledger.commit(collection.commit())
      } catch (error) {
        if (!(error instanceof CommitRefused || error instanceof DomainError)) throw error
        ctx.status = route === 'client_update' ? 409 : 401
        ctx.body =
          route === 'client_update'
            ? {
                error: 'invalid_request',
                error_description: 'it was changed meanwhile: read it and try again',
              }
            : { error: 'invalid_token', error_description: 'the token was used meanwhile' }
      }
    })
  }
}

function changesClient(method: string, path: string): boolean {
  return (method === 'POST' && path === '/reg') || (method !== 'GET' && path.startsWith('/reg/'))
}

function objectOf(body: unknown): object {
  return typeof body === 'object' && body !== null ? body : {}
}

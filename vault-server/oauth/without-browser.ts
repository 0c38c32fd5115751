import { errors } from 'oidc-provider'
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { findKnownCustomer } from '#core/records/grants.ts'
import type { Names } from '#core/records/names.ts'
import { vendorIdOf } from './policies.ts'
import { linkOf, linkPictureOf } from './link-picture.ts'

const minute = 60
const day = 86_400

/** Seconds in which a link or QR code must be answered: it lies open on a screen. */
export const linkLife = 10 * minute

/** Seconds in which a question must be answered; a business may ask for less or more. */
const questionLife = { usual: 60 * minute, least: minute, most: 7 * day }

/** CIBA (OpenID Connect CIBA Core 1.0, poll and ping) and links (RFC 8628): customers who are not at a browser of the business. */
export function withoutBrowser({
  reader,
  names,
}: {
  reader: LedgerReader
  names: Names
}): Pick<NonNullable<Configuration['features']>, 'ciba' | 'deviceFlow'> {
  return {
    ciba: {
      enabled: true,
      deliveryModes: ['poll', 'ping'],
      // A subject is known to a business that was told it once. Everybody else is one answer, `unknown_user_id`.
      processLoginHint: (ctx, hint = '') =>
        findKnownCustomer({ reader, names }, vendorIdOf(ctx.oidc.client), hint),
      processLoginHintToken: () => undefined,
      verifyUserCode: () => undefined,
      validateRequestContext: (_ctx, context) => {
        if (context !== undefined) throw new errors.InvalidRequest('request_context is not supported')
      },
      validateBindingMessage: (_ctx, message) => {
        if (message !== undefined && !/^[A-Za-z0-9._+/!?#-]{1,20}$/.test(message))
          throw new errors.InvalidBindingMessage(
            'binding_message must be 1 to 20 letters, digits or ._+/!?#-',
          )
      },
      // The question stands in the commit that saves the request; the customer's list shows it.
      triggerAuthenticationDevice: () => undefined,
    },
    deviceFlow: {
      enabled: true,
      charset: 'base-20',
      mask: '****-****',
      deviceInfo: () => ({}),
    },
  }
}

/** Seconds until a question ends, by the `requested_expiry` of the business. */
export function questionLifeOf(ctx: KoaContextWithOIDC): number {
  const asked = Number(ctx.oidc.params?.['requested_expiry'] ?? questionLife.usual)
  return Math.max(questionLife.least, Math.min(questionLife.most, asked))
}

type Next = () => Promise<void>

/** A link leads to a page of the vault. The pages that the library has for it are not there. */
export function linksToVault({ vaultUrl }: { vaultUrl: string }) {
  return async (ctx: KoaContextWithOIDC, next: Next): Promise<void> => {
    const isAsked = ctx.path === '/device/auth' && ctx.method === 'POST'
    if (!isAsked && /^\/device(\/|$)/.test(ctx.path)) return
    await next()
    if (ctx.oidc?.route !== 'device_authorization' || typeof ctx.body !== 'object' || ctx.body === null)
      return
    if (!('user_code' in ctx.body)) return
    const code = String(ctx.body.user_code)
    ctx.body = {
      ...ctx.body,
      verification_uri: `${vaultUrl}/link`,
      verification_uri_complete: linkOf(vaultUrl, code),
      verification_qr_uri: linkPictureOf(vaultUrl, code),
      interval: pollEvery,
    }
  }
}

/** Seconds between two polls, as told. */
const pollEvery = 5

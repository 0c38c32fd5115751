import { Router } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import { readVendorLogo } from '#core/records/vendors.ts'

/**
 * `GET /vendors/{vendorId}/logo`: the picture of a business out of our own ledger, for everybody, as the type that it was
 * found to be. Opened by itself it is a download in a sandbox: it can neither run nor load anything.
 */
export function vendorLogoRoutes({ reader }: { reader: LedgerReader }): Router {
  const router = Router()
  router.get('/vendors/:vendorId/logo', async (request, response) => {
    const logo = await readVendorLogo(reader, request.params.vendorId)
    if (logo === undefined) throw new DomainError('not-found', 'There is no such picture')
    response.set({
      'Content-Type': logo.type,
      'Content-Disposition': 'attachment; filename="logo"',
      'Content-Security-Policy': "default-src 'none'; sandbox",
      'X-Content-Type-Options': 'nosniff',
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Cache-Control': 'public, max-age=86400',
    })
    response.end(Buffer.from(logo.bytes, 'base64'))
  })
  return router
}

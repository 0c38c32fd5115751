import { Router } from 'express'
import { renderSVG } from 'uqr'
import { DomainError } from '#core/domain/errors.ts'

/** Where a link with this code leads. */
export function linkOf(vaultUrl: string, code: string): string {
  return `${vaultUrl}/link?code=${code}`
}

/** The same link as a QR code, for the screen of a business. */
export function linkPictureOf(vaultUrl: string, code: string): string {
  return `${vaultUrl}/link.svg?code=${code}`
}

/**
 * `GET /link.svg?code=`: a link as a QR code, as an image for pages of businesses. Draws any code of the right form, so
 * that it tells nothing about which exist.
 */
export function linkPictureRoutes({ vaultUrl }: { vaultUrl: string }): Router {
  const router = Router()
  router.get('/link.svg', (request, response) => {
    const { code } = request.query
    if (typeof code !== 'string' || !/^[A-Z0-9-]{4,20}$/.test(code))
      throw new DomainError('invalid-input', 'The code is not valid', {
        violations: [{ pointer: 'code', detail: 'must be a code as a business shows it' }],
      })
    response.set({
      'Content-Type': 'image/svg+xml',
      'Cache-Control': 'public, max-age=600',
      'Cross-Origin-Resource-Policy': 'cross-origin',
    })
    response.end(renderSVG(linkOf(vaultUrl, code), { border: 4 }))
  })
  return router
}

import type { Response, RequestHandler } from 'express'
import helmet from 'helmet'

/** Powers of a page that Reach never needs. */
const noPowers = ['camera', 'geolocation', 'microphone', 'payment', 'usb', 'browsing-topics']
  .map((power) => `${power}=()`)
  .join(', ')

/**
 * Response headers for everything a browser may see of the vault: no framing, no sniffing, no referrer, no
 * sharing with other origins, nothing kept by caches, and nothing executable in a reply that is no page.
 */
export function browserHeaders({ vaultUrl }: { vaultUrl: string }): RequestHandler[] {
  return [
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"] },
      },
      crossOriginOpenerPolicy: { policy: 'same-origin' },
      crossOriginResourcePolicy: { policy: 'same-origin' },
      referrerPolicy: { policy: 'no-referrer' },
      // A promise for TLS only; it would lock a plain http://localhost out of the browser.
      strictTransportSecurity: vaultUrl.startsWith('https:') ? { maxAge: 31_536_000 } : false,
      xFrameOptions: { action: 'deny' },
    }),
    (_request, response, next) => {
      response.set({ 'Permissions-Policy': noPowers, 'Cache-Control': 'no-store' })
      next()
    },
  ]
}

/**
 * The policy for a page of the consent app: scripts and styles from our own files, and the one `<style>` that
 * React Aria adds under this response's nonce. No inline script, and nothing from or to anywhere else.
 */
export function setPagePolicy(response: Response, nonce: string): void {
  const policy = {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': `'self' 'nonce-${nonce}'`,
    'img-src': "'self' data:",
    'font-src': "'self'",
    'connect-src': "'self'",
    'manifest-src': "'self'",
    'worker-src': "'self'",
    'form-action': "'self'",
    'base-uri': "'self'",
    'frame-ancestors': "'none'",
  }
  const text = Object.entries(policy).map(([name, sources]) => `${name} ${sources}`)
  response.set('Content-Security-Policy', text.join('; '))
}

/** The policy for the app's service worker: it fetches the app's own files, and can do nothing else. */
export function setWorkerPolicy(response: Response): void {
  response.set('Content-Security-Policy', "default-src 'none'; connect-src 'self'")
}

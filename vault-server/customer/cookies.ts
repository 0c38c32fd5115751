import type { Request, Response } from 'express'

/**
 * A cookie of this vault that only it can set and read: `__Host-` (RFC 6265bis, 4.1.3.2) demands Secure and
 * Path=/.
 */
export interface HostCookie {
  read(request: Request): string | undefined
  /** `maxAge` in seconds. */
  set(response: Response, value: string, maxAge: number): void
  clear(response: Response): void
}

/**
 * Mounts share an origin, and with `Path=/` their cookies too, so the mount's path is part of the name. Lax,
 * not Strict: the way back from an issuer or a business comes from another site. Values are base64url.
 */
export function hostCookie(
  name: 'session' | 'sign-in' | 'auditor' | 'passkey' | 'new-vault',
  vaultUrl: string,
): HostCookie {
  const mount = new URL(vaultUrl).pathname.replaceAll(/[^A-Za-z0-9]+/g, '-').replace(/-$/, '')
  const fullName = `__Host-reach${mount}-${name}`
  const attributes = { path: '/', secure: true, httpOnly: true, sameSite: 'lax' } as const
  return {
    read(request) {
      for (const pair of (request.headers.cookie ?? '').split(';')) {
        const [given, value] = pair.trim().split('=', 2)
        if (given === fullName) return /^[A-Za-z0-9_-]{1,128}$/.test(value ?? '') ? value : undefined
      }
      return undefined
    },
    set(response, value, maxAge) {
      response.cookie(fullName, value, { ...attributes, maxAge: maxAge * 1000 })
    },
    clear(response) {
      response.clearCookie(fullName, attributes)
    },
  }
}

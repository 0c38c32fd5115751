import { asUrl } from '../mount.ts'

/**
 * The address a person meant: an issuer or a WebID, typed with or without `https://`; `http` only where it is spelled
 * out, as on one's own machine. Undefined when it is no address.
 */
export function asIssuer(typed: string): string | undefined {
  const text = typed.trim()
  if (text === '' || /\s/.test(text)) return undefined
  const url = asUrl(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`)
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    return undefined
  return url.hostname.includes('.') || url.hostname === 'localhost' || url.hostname.startsWith('[')
    ? url.href
    : undefined
}

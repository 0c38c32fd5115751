import { isIP } from 'node:net'

/**
 * Whether the host of a URL is a domain name that can be public: no IP address, no localhost, two labels at
 * least.
 */
export function isPublicHost(url: string): boolean {
  const { hostname } = new URL(url)
  const labels = hostname.split('.')
  const isAddress = isIP(hostname) !== 0 || hostname.startsWith('[')
  return (
    !isAddress && labels.length >= 2 && labels.every((label) => label !== '') && labels.at(-1) !== 'localhost'
  )
}

/**
 * Whether two URLs may belong to one registrable domain, so that cookies and storage of one could reach the
 * other. A registrable domain has at least two labels: hosts that differ in their last two are certainly
 * apart. Where the last two are equal only the public suffix list could tell `a.co.uk` and `b.co.uk` apart;
 * without it the answer is yes. So a refusal can be needless, but a pass is never wrong.
 */
export function sharesRegistrableDomain(first: string, second: string): boolean {
  return lastTwoLabels(first) === lastTwoLabels(second)
}

function lastTwoLabels(url: string): string {
  return new URL(url).hostname.split('.').slice(-2).join('.')
}

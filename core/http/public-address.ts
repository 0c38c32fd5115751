import dns from 'node:dns'
import net from 'node:net'

/** Refused before or right after connecting, by whichever client connects. The message names no host. */
export class OutboundRefused extends Error {
  override readonly name = 'OutboundRefused'
  readonly code = 'outbound-refused'
}

// IANA special-purpose registries: what is not globally reachable, multicast and reserved.
const refusedV4 = blockList('ipv4', [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
])
// IPv6 the other way round: global unicast less its special blocks. IPv4 in disguise (mapped, NAT64) lies
// outside; 6to4 (2002::/16) and Teredo (in 2001::/23) carry IPv4 addresses inside.
const globalV6 = blockList('ipv6', ['2000::/3'])
const refusedV6 = blockList('ipv6', ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'])

function blockList(family: 'ipv4' | 'ipv6', ranges: readonly string[]): net.BlockList {
  const list = new net.BlockList()
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/')
    list.addSubnet(address, Number(prefix), family)
  }
  return list
}

/**
 * Whether an IP address, without brackets, belongs to the public internet. Anything else is not an address:
 * false.
 */
export function isPublicAddress(address: string): boolean {
  switch (net.isIP(address)) {
    case 4:
      return !refusedV4.check(address, 'ipv4')
    case 6:
      return globalV6.check(address, 'ipv6') && !refusedV6.check(address, 'ipv6')
    default:
      return false
  }
}

/** Throws for a literal address that is not public, with or without brackets. Says nothing about names. */
export function refuseLiteral(hostname: string): void {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (net.isIP(host) !== 0 && !isPublicAddress(host)) throw new OutboundRefused('not a public address')
}

/**
 * For the end of a connection: what we are connected to, whatever happened between a check and the
 * connecting.
 */
export function refusePeer(address: string | undefined): void {
  if (!isPublicAddress(address ?? '')) throw new OutboundRefused('connected to an address that is not public')
}

/**
 * Like `dns.lookup`, but one address in the answer that is not public refuses all of it. Unasked for
 * literals.
 */
export function guardedLookup(lookup: typeof dns.lookup = dns.lookup): net.LookupFunction {
  return (hostname, options, done) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? []
      if (error !== null) done(error, [])
      else if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address)))
        done(new OutboundRefused('the name does not resolve to public addresses only'), [])
      else if (options.all) done(null, addresses)
      else done(null, first.address, first.family)
    })
  }
}

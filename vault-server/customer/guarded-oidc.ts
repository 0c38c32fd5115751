import { AsyncLocalStorage } from 'node:async_hooks'
import { lookup } from 'node:dns'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { guardedAgents } from '#core/http/guarded-agent.ts'
import type { GuardedAgents } from '#core/http/guarded-agent.ts'
import { OutboundRefused, guardedLookup, refuseLiteral } from '#core/http/public-address.ts'

/**
 * Sign-in at an issuer somebody typed: `@inrupt/solid-client-authn-node` asks it through its own
 * openid-client 5 on node:http(s), which can be given agents, and fetches its keys by the global fetch, which
 * cannot be guarded. So the first gets our agents, and the address of the keys is checked before it is used:
 * https (or an allowed origin), no private literal, only public DNS answers. What is left is a name that
 * changes its address in between; behind it an internal server would need a TLS certificate for that name to
 * see more than a failed handshake.
 */
export interface GuardedOidc {
  /** Every request of openid-client within goes through the guarded agents. */
  run<Result>(work: () => Promise<Result>): Promise<Result>
  /** Throws `OutboundRefused` for an address that may not be asked. */
  check(address: string): Promise<void>
}

const current = new AsyncLocalStorage<GuardedAgents>()
installGuard()

/** `allow`: exact origins that may be asked although they are private. */
export function guardOidc({ allow }: { allow: readonly string[] }): GuardedOidc {
  const agents = guardedAgents({ allow })
  return {
    run: (work) => current.run(agents, work),
    async check(address) {
      const { protocol, hostname, origin } = new URL(address)
      if (allow.includes(origin)) return
      if (protocol !== 'https:') throw new OutboundRefused('only https')
      refuseLiteral(hostname)
      await resolvePublic(hostname.replace(/^\[|\]$/g, ''), { all: true })
    },
  }
}

const resolvePublic = promisify(guardedLookup(lookup))

interface OpenidClient {
  readonly custom: { readonly http_options: symbol }
  readonly Issuer: new (metadata: { issuer: string }) => { readonly Client: { readonly prototype: object } }
}

/**
 * The `http_options` hook of openid-client 5 (its documented customization), on everything that sends a
 * request.
 */
function installGuard(): void {
  const requireFromHere = createRequire(import.meta.url)
  const library = createRequire(requireFromHere.resolve('@inrupt/solid-client-authn-node'))
  const { custom, Issuer } = library('openid-client') as OpenidClient
  const agentFor = ({ protocol }: URL) => {
    const agents = current.getStore()
    // Somebody else in this process uses the library, such as a test that plays the customer.
    if (agents === undefined) return {}
    return { agent: protocol === 'https:' ? agents.https : agents.http }
  }
  const baseOfClients: object = Object.getPrototypeOf(
    new Issuer({ issuer: 'https://unused.invalid' }).Client.prototype,
  )
  for (const sender of [Issuer, Issuer.prototype, baseOfClients]) {
    Object.defineProperty(sender, custom.http_options, { value: agentFor })
  }
}

import { AsyncLocalStorage } from 'node:async_hooks'
import { lookup } from 'node:dns'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { guardedAgents } from '#core/http/guarded-agent.ts'
import type { GuardedAgents } from '#core/http/guarded-agent.ts'
import { OutboundRefused, guardedLookup, refuseLiteral } from '#core/http/public-address.ts'
import type { PodFetch } from '#core/pods/pod.ts'

/**
 * Sign-in at an issuer somebody typed: `@inrupt/solid-client-authn-node` asks it through its own openid-client 5 on
 * node:http(s), and fetches its keys by jose, which calls the global fetch. Neither can be given a guard from outside. So
 * within `run`, and for nobody else in this process, the first gets our agents and the second our fetch. Addresses are
 * checked before, too: for a refusal in words, and since the browser is sent to one of them.
 */
export interface GuardedOidc {
  /** Every request of the library within is guarded. */
  run<Result>(work: () => Promise<Result>): Promise<Result>
  /** Throws `OutboundRefused` for an address that may not be asked. */
  check(address: string): Promise<void>
}

const current = new AsyncLocalStorage<{ agents: GuardedAgents; fetch: PodFetch }>()
installGuard()
installFetch()

/** `allow`: exact origins that may be asked although they are private. `fetch` is guarded with the same. */
export function guardOidc({ allow, fetch }: { allow: readonly string[]; fetch: PodFetch }): GuardedOidc {
  const guard = { agents: guardedAgents({ allow }), fetch }
  return {
    run: (work) => current.run(guard, work),
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
    const agents = current.getStore()?.agents
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

function installFetch(): void {
  const everybodys = globalThis.fetch
  globalThis.fetch = (input, init) => {
    const guarded = current.getStore()?.fetch
    if (guarded === undefined) return everybodys(input, init)
    if (input instanceof Request) throw new OutboundRefused('unknown form of asking')
    return guarded(String(input), init)
  }
}

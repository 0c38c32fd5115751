import { Router } from 'express'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { AgentKey } from '#core/pods/agent.ts'
import { openSigningKeys } from '../signing-keys.ts'

export interface AgentIdentity {
  readonly webId: string
  readonly issuer: string
  readonly clientId: string
  /** The key that signs now. */
  readonly key: () => AgentKey
  /** Serves what the issuer publishes; to be mounted at the path of `issuer`. */
  readonly router: Router
}

const MAX_AGE_S = 60

/**
 * Reach's agent as its own Solid-OIDC issuer at `<vaultUrl>/agent` (Solid-OIDC 0.1, OpenID Connect Discovery
 * 1.0). It signs its own access tokens; there is no token endpoint to ask and nothing to steal at the pod
 * server. Two keys are published, the one in use and the next: pod servers keep a key set for minutes, and a
 * key they have not seen is a 401 on everything. Rotation makes the next one current and publishes a new
 * next; the one before stays for as long as its tokens are good.
 */
export async function openAgentIdentity(options: {
  vaultUrl: string
  keys: Pick<KeyStore, 'document' | 'storedDocument'>
  /** Unix ms. */
  now: () => number
}): Promise<AgentIdentity> {
  const issuer = `${options.vaultUrl.replace(/\/$/, '')}/agent`
  const webId = `${issuer}/card#me`
  const clientId = `${issuer}/client`
  const signingKeys = await openSigningKeys(options.keys, 'agent', options.now)

  const router = Router()
  router.use((_req, res, next) => {
    res.set({ 'Cache-Control': `public, max-age=${MAX_AGE_S}`, 'Access-Control-Allow-Origin': '*' })
    next()
  })
  router.get('/.well-known/openid-configuration', (_req, res) => {
    res.json({
      issuer,
      jwks_uri: `${issuer}/jwks`,
      // Required by the format; nobody signs in here, so they do not exist.
      authorization_endpoint: `${issuer}/none`,
      token_endpoint: `${issuer}/none`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
      dpop_signing_alg_values_supported: ['ES256'],
      scopes_supported: ['openid', 'webid'],
      claims_supported: ['sub', 'webid'],
    })
  })
  router.get('/jwks', (_req, res) => {
    res.json({ keys: signingKeys.published() })
  })
  router.get('/card', (req, res) => {
    res.vary('Accept')
    if (req.accepts(['text/turtle', 'application/ld+json', 'application/json']) === 'text/turtle') {
      res.type('text/turtle').send(turtleCard(webId, issuer))
    } else res.type('application/ld+json').send(JSON.stringify(jsonCard(webId, issuer)))
  })
  router.get('/client', (_req, res) => {
    res.type('application/ld+json').send(
      JSON.stringify({
        '@context': ['https://www.w3.org/ns/solid/oidc-context.jsonld'],
        client_id: clientId,
        client_name: 'Reach',
        redirect_uris: [],
        grant_types: [],
        token_endpoint_auth_method: 'none',
      }),
    )
  })
  return { webId, issuer, clientId, key: () => signingKeys.signing(), router }
}

function turtleCard(webId: string, issuer: string): string {
  return `@prefix foaf: <http://xmlns.com/foaf/0.1/>.
@prefix solid: <http://www.w3.org/ns/solid/terms#>.
<${webId}> a foaf:Agent;
  foaf:name "Reach";
  solid:oidcIssuer <${issuer}>.
`
}

function jsonCard(webId: string, issuer: string): object {
  return {
    '@id': webId,
    '@type': 'http://xmlns.com/foaf/0.1/Agent',
    'http://xmlns.com/foaf/0.1/name': 'Reach',
    'http://www.w3.org/ns/solid/terms#oidcIssuer': { '@id': issuer },
  }
}

import { Router } from 'express'

/**
 * Our Client ID Document for Solid-OIDC (Solid-OIDC 0.1, section 5.1), at the address that is our client id.
 */
export function clientDocumentRoutes({ vaultUrl }: { vaultUrl: string }): Router {
  const document = JSON.stringify({
    '@context': ['https://www.w3.org/ns/solid/oidc-context.jsonld'],
    client_id: clientIdOf(vaultUrl),
    client_name: 'Reach',
    client_uri: vaultUrl,
    redirect_uris: [redirectUrlOf(vaultUrl)],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    scope: 'openid offline_access webid',
    token_endpoint_auth_method: 'none',
  })
  const router = Router()
  router.get('/client.jsonld', (_request, response) => {
    response.set({
      'Content-Type': 'application/ld+json',
      'Cache-Control': 'public, max-age=60',
      'Access-Control-Allow-Origin': '*',
      'Cross-Origin-Resource-Policy': 'cross-origin',
    })
    response.end(document)
  })
  return router
}

export function clientIdOf(vaultUrl: string): string {
  return `${vaultUrl}/client.jsonld`
}

export function redirectUrlOf(vaultUrl: string): string {
  return `${vaultUrl}/signed-in`
}

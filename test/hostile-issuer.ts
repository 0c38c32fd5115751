/** An issuer that does the OpenID Connect steps well and lies where it is told to. Answers on 127.0.0.1. */
import { randomUUID } from 'node:crypto'
import { SignJWT, exportJWK, generateKeyPair } from 'jose'
import { leanExpress, listen } from '#core/http/server.ts'
import express from 'express'

export interface HostileIssuer extends AsyncDisposable {
  readonly url: string
  /** Paths that were asked for, in order. */
  readonly asked: string[]
  /** What it tells from now on. */
  readonly lies: {
    /** Members of its metadata. */
    metadata: Record<string, unknown>
    /** WebID in its ID tokens. */
    webId: string
    /** Issuer in its ID tokens; its own by default. */
    iss?: string
    /** It knows no client but those that it registered, whose secret lives until then (seconds since 1970). */
    secretUntil?: number
  }
  /** Refreshes that it refused, since the token was not the newest: each ends the sign-in for good. */
  readonly refused: number
}

export async function startHostileIssuer(): Promise<HostileIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'liar', alg: 'ES256', use: 'sig' }
  const asked: string[] = []
  const lies: HostileIssuer['lies'] = { metadata: {}, webId: 'https://nobody.example/card#me' }
  let url = ''
  let newest = ''
  let refused = 0
  const app = leanExpress()
  app.use((request, _response, next) => {
    asked.push(request.path)
    next()
  })
  app.get('/.well-known/openid-configuration', (_request, response) => {
    response.json({
      issuer: url,
      authorization_endpoint: `${url}/authorize`,
      token_endpoint: `${url}/token`,
      jwks_uri: `${url}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      claims_supported: ['sub', 'webid'],
      scopes_supported: ['openid', 'webid', 'offline_access'],
      id_token_signing_alg_values_supported: ['ES256'],
      ...lies.metadata,
    })
  })
  app.get('/authorize', (request, response) => {
    const isKnown = lies.secretUntil === undefined || request.query['client_id'] === 'registered'
    response.status(isKnown ? 200 : 400).end()
  })
  app.post('/register', (_request, response) => {
    response.status(lies.secretUntil === undefined ? 403 : 201).json({
      client_id: 'registered',
      client_secret: 'told once',
      client_secret_expires_at: lies.secretUntil,
      id_token_signed_response_alg: 'ES256',
    })
  })
  app.get('/jwks', (_request, response) => void response.json({ keys: [jwk] }))
  app.post('/token', express.urlencoded({ extended: false }), async (request, response) => {
    const body = request.body as Record<string, unknown>
    // A client with a secret says who it is in a header (RFC 6749, 2.3.1).
    const [, basic = ''] = (request.headers.authorization ?? '').split(' ')
    const [named = ''] = Buffer.from(basic, 'base64').toString().split(':')
    const clientId = named === '' ? String(body['client_id']) : named
    // As a server does that rotates them (RFC 9700, 4.14.2).
    if (body['grant_type'] === 'refresh_token' && body['refresh_token'] !== newest) {
      refused++
      newest = ''
      return void response.status(400).json({ error: 'invalid_grant' })
    }
    newest = randomUUID()
    const idToken = await new SignJWT({ webid: lies.webId, azp: clientId })
      .setProtectedHeader({ alg: 'ES256', kid: 'liar' })
      .setIssuer(lies.iss ?? url)
      .setSubject(lies.webId)
      .setAudience(clientId)
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey)
    response.json({
      access_token: 'worthless',
      token_type: 'DPoP',
      expires_in: 300,
      id_token: idToken,
      refresh_token: newest,
    })
  })
  const listening = await listen({ app, host: '127.0.0.1', port: 0, drainMs: 100 })
  url = `http://127.0.0.1:${listening.port}`
  return {
    url,
    asked,
    lies,
    get refused() {
      return refused
    },
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  }
}

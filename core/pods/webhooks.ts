import { randomBytes } from 'node:crypto'
import { EmbeddedJWK, calculateJwkThumbprint, createLocalJWKSet, decodeJwt, jwtVerify } from 'jose'
import type { JSONWebKeySet } from 'jose'
import type { PodFetch } from './pod.ts'

const MAX_CALLS_A_MINUTE = 60
const MAX_HOOKS = 10_000
const KEYS_MS = 300_000
const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'ES384', 'EdDSA']

/** An address of ours at which one pod server may tell of changes of one resource. */
export interface PodWebhook {
  readonly sendTo: string
  /** The WebID as which the pod server said that it will call. */
  expect(sender: string): void
  close(): void
}

export interface PodWebhooks {
  /** `undefined` when there are too many. */
  open(topic: string, onCall: () => void): PodWebhook | undefined
  /** Takes a call; whether it is one of a pod server that we asked, about what we asked it. */
  receive(token: string, headers: { authorization?: string; dpop?: string }): Promise<boolean>
}

/**
 * WebhookChannel2023 (Solid Notifications Protocol 0.2) on the receiving side. The address holds 128 random bits, and
 * the caller signs like a Solid-OIDC client: a token of an issuer on the very origin of the topic, for the sender that
 * was announced, bound by DPoP to this address (RFC 9449). What the message says is not even read. `address` is the
 * public URL before the token; `fetch` is guarded; `now` in Unix ms.
 */
export function createPodWebhooks(options: {
  address: string
  fetch: PodFetch
  now: () => number
}): PodWebhooks {
  const { address, fetch, now } = options
  const hooks = new Map<string, { topic: string; sender?: string; onCall: () => void; calls: number[] }>()
  const keySets = new Map<string, { at: number; keys: Promise<JSONWebKeySet> }>()

  function keysOf(issuer: string): Promise<JSONWebKeySet> {
    const known = keySets.get(issuer)
    if (known !== undefined && now() - known.at < KEYS_MS) return known.keys
    if (keySets.size >= MAX_HOOKS) keySets.clear()
    const keys = fetchKeys(issuer, fetch)
    keySets.set(issuer, { at: now(), keys })
    keys.catch(() => keySets.delete(issuer))
    return keys
  }

  async function verify(
    hook: { topic: string; sender?: string },
    sendTo: string,
    { authorization = '', dpop = '' }: { authorization?: string; dpop?: string },
  ): Promise<void> {
    const token = /^DPoP ([^ ]{1,8000})$/i.exec(authorization)?.[1]
    if (token === undefined || hook.sender === undefined) throw new Error('no token')
    const issuer = String(decodeJwt(token).iss)
    // Nobody but the topic's own server speaks for it.
    if (new URL(issuer).origin !== new URL(hook.topic).origin) throw new Error('another issuer')
    const at = { currentDate: new Date(now()), algorithms: ALGORITHMS }
    const keys = createLocalJWKSet(await keysOf(issuer))
    const { payload } = await jwtVerify(token, keys, { ...at, issuer, requiredClaims: ['exp', 'iat'] })
    const proof = await jwtVerify(dpop, EmbeddedJWK, {
      ...at,
      typ: 'dpop+jwt',
      maxTokenAge: 120,
      clockTolerance: 60,
    })
    const bound = (payload['cnf'] as { jkt?: unknown } | undefined)?.jkt
    const jkt = await calculateJwkThumbprint(proof.protectedHeader.jwk ?? {})
    if (payload['webid'] !== hook.sender || bound !== jkt) throw new Error('another sender')
    if (proof.payload['htu'] !== sendTo || proof.payload['htm'] !== 'POST') throw new Error('another target')
  }

  return {
    open(topic, onCall) {
      if (hooks.size >= MAX_HOOKS) return undefined
      const token = randomBytes(16).toString('base64url')
      const hook: { topic: string; sender?: string; onCall: () => void; calls: number[] } = {
        topic,
        onCall,
        calls: [],
      }
      hooks.set(token, hook)
      return {
        sendTo: address + token,
        expect: (sender) => void (hook.sender = sender),
        close: () => void hooks.delete(token),
      }
    },
    async receive(token, headers) {
      const hook = hooks.get(token)
      if (hook === undefined) return false
      hook.calls = hook.calls.filter((at) => now() - at < 60_000)
      if (hook.calls.length >= MAX_CALLS_A_MINUTE) return false
      hook.calls.push(now())
      try {
        await verify(hook, address + token, headers)
      } catch {
        return false
      }
      // Closed meanwhile?
      if (hooks.get(token) === hook) hook.onCall()
      return true
    },
  }
}

async function fetchKeys(issuer: string, fetch: PodFetch): Promise<JSONWebKeySet> {
  const json = async (url: string) => (await fetch(url, { headers: { accept: 'application/json' } })).json()
  const metadata = (await json(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)) as Record<
    string,
    unknown
  >
  const address = String(metadata['jwks_uri'])
  if (new URL(address).origin !== new URL(issuer).origin) throw new Error('keys lie elsewhere')
  return (await json(address)) as JSONWebKeySet
}

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/browser'
import type { AddPasskey, Me, Passkeys, PasskeySignIn } from '#schemas/types.gen.ts'
import { call } from './http.ts'
import { forgetOthers } from './kept-copy.ts'

/** What the browser itself did not do: closed by the person, timed out, or a passkey that is there already. */
export class PasskeyError extends Error {
  readonly reason: 'given-up' | 'there-already'
  constructor(reason: PasskeyError['reason'], cause: unknown) {
    super(reason, { cause })
    this.name = 'PasskeyError'
    this.reason = reason
  }
}

/** Remembered on this device: that a passkey was used here, or is not wanted here. No id, nothing of the customer. */
const rememberedAs = 'reach.passkey'

export function passkeyHere(): 'used' | 'declined' | undefined {
  const said = localStorage.getItem(rememberedAs)
  return said === 'used' || said === 'declined' ? said : undefined
}

export function rememberPasskey(said: 'used' | 'declined'): void {
  localStorage.setItem(rememberedAs, said)
}

/** Passkeys need a secure context, which `http://localhost` is. */
export function canUsePasskeys(): boolean {
  return typeof PublicKeyCredential === 'function'
}

export function usePasskeys({ enabled = true } = {}) {
  return useQuery({
    queryKey: ['passkeys'],
    queryFn: async ({ signal }) => (await call<Passkeys>('GET', 'api/passkeys', { signal })).passkeys,
    enabled,
  })
}

/** Asks the browser for a new passkey under this name. */
export function useMakePasskey() {
  return usePasskeyAct(async (name: string) => {
    const optionsJSON = await call<PublicKeyCredentialCreationOptionsJSON>('POST', 'api/passkeys/options', {
      body: {},
    })
    const { startRegistration } = await import('@simplewebauthn/browser')
    const { id, response }: RegistrationResponseJSON = await byBrowser(startRegistration({ optionsJSON }))
    const { clientDataJSON, attestationObject, transports } = response
    const body: AddPasskey = {
      name,
      credentialId: id,
      clientDataJSON,
      attestationObject,
      ...(transports === undefined ? {} : { transports }),
    }
    const made = await call<Passkeys>('POST', 'api/passkeys', { body })
    rememberPasskey('used')
    return made
  })
}

export function useNamePasskey() {
  return usePasskeyAct(({ id, name }: { id: string; name: string }) =>
    call<Passkeys>('POST', `api/passkeys/${encodeURIComponent(id)}/name`, { body: { name } }),
  )
}

export function useRemovePasskey() {
  return usePasskeyAct((id: string) =>
    call<Passkeys>('POST', `api/passkeys/${encodeURIComponent(id)}/remove`, { body: {} }),
  )
}

function usePasskeyAct<Told>(act: (told: Told) => Promise<Passkeys>) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: act,
    onSuccess: ({ passkeys }) => client.setQueryData(['passkeys'], passkeys),
  })
}

/** Signs in with a passkey that the person picks in her browser. */
export function usePasskeySignIn() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async () => {
      const optionsJSON = await call<PublicKeyCredentialRequestOptionsJSON>(
        'POST',
        'api/passkeys/sign-in/options',
        { body: {} },
      )
      const { startAuthentication } = await import('@simplewebauthn/browser')
      const { id, response }: AuthenticationResponseJSON = await byBrowser(
        startAuthentication({ optionsJSON }),
      )
      const { clientDataJSON, authenticatorData, signature, userHandle = '' } = response
      const body: PasskeySignIn = { credentialId: id, clientDataJSON, authenticatorData, signature, userHandle }
      return await call<Me>('POST', 'api/passkeys/sign-in', { body })
    },
    onSuccess: (me) => {
      rememberPasskey('used')
      forgetOthers(client)
      client.setQueryData(['me'], me)
    },
  })
}

async function byBrowser<Made>(made: Promise<Made>): Promise<Made> {
  try {
    return await made
  } catch (cause) {
    const isThere = cause instanceof Error && cause.name === 'InvalidStateError'
    throw new PasskeyError(isThere ? 'there-already' : 'given-up', cause)
  }
}

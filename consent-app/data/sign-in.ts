import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Redirect, SignIn } from '#schemas/types.gen.ts'
import { call } from './http.ts'
import { rememberIssuer } from './remembered-issuer.ts'
import { forgetOthers } from './me.ts'
import { forgetWays } from './ways-back.ts'

/** Leads to the pod's own sign-in page. `returnTo` is a path of this app without its mount. */
export function useSignIn() {
  return useMutation({
    mutationFn: (body: SignIn) => call<Redirect>('POST', 'api/sign-in', { body }),
    onSuccess: ({ location }, { issuer }) => {
      rememberIssuer(issuer)
      window.location.assign(location)
    },
  })
}

/** Ends the sign-in after the return from the issuer; `query` is `location.search` of that return. */
export function completeSignIn(query: string): Promise<Redirect> {
  return call<Redirect>('POST', 'api/sign-in/complete', { body: { query } })
}

export function useSignOut() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => call<undefined>('POST', 'api/sign-out', { body: {} }),
    onSuccess: async () => {
      forgetWays()
      forgetOthers(client)
      await client.invalidateQueries({ queryKey: ['me'] })
    },
  })
}

import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Redirect, SignIn } from '#schemas/types.gen.ts'
import { call } from './http.ts'
import { forgetCopy, forgetOthers } from './kept-copy.ts'
import { forgetVisits } from './last-visit.ts'
import { rememberIssuer } from './remembered-issuer.ts'
import { forgetWaiting } from './waiting.ts'
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

/** Nothing of the customer stays on this device. */
export function forgetHere(): void {
  forgetCopy()
  forgetWaiting()
  forgetVisits()
  forgetWays()
}

export function useSignOut() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => call<undefined>('POST', 'api/sign-out', { body: {} }),
    // Whether or not the vault hears of it, nothing of hers stays here.
    onMutate: () => forgetHere(),
    onSuccess: async () => {
      forgetOthers(client)
      await client.invalidateQueries({ queryKey: ['me'] })
    },
  })
}

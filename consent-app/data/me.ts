import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { QueryClient } from '@tanstack/react-query'
import type { CreateVault, Me, Redirect } from '#schemas/types.gen.ts'
import { call } from './http.ts'
import { rememberIssuer } from './remembered-issuer.ts'

/** Who is signed in, and how this Reach is set up. While the pods start it is asked again until they are there. */
export function useMe() {
  return useQuery({
    queryKey: ['me'],
    queryFn: ({ signal }) => call<Me>('GET', 'api/me', { signal }),
    refetchInterval: (query) => (query.state.data?.podsReady === false ? 1500 : false),
  })
}

/** Makes a pod and signs in to it. */
export function useCreateVault() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: CreateVault) => call<Me>('POST', 'api/vaults', { body }),
    onSuccess: (me) => {
      forgetOthers(client)
      client.setQueryData(['me'], me)
      if (me.issuer !== undefined) rememberIssuer(me.issuer)
    },
  })
}

/**
 * Somebody else, or nobody, is signed in now: what was read as the one before goes. The query of `me` itself stays, since pages
 * watch it, and would not see one that takes its place.
 */
export function forgetOthers(client: QueryClient): void {
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'me' })
}

/** Makes a throw-away customer with sample data; the reply says where the tour goes on. */
export function useStartTour() {
  return useMutation({ mutationFn: () => call<Redirect>('POST', 'api/tour', { body: {} }) })
}

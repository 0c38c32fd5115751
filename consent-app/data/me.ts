import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { CreateVault, Me, Redirect } from '#schemas/types.gen.ts'
import { call } from './http.ts'

/** Who is signed in, and how this Reach is set up. While the pods start it is asked again until they are there. */
export function useMe() {
  return useQuery({
    queryKey: ['me'],
    queryFn: ({ signal }) => call<Me>('GET', 'api/me', { signal }),
    staleTime: 60_000,
    refetchInterval: (query) => (query.state.data?.podsReady === false ? 1500 : false),
  })
}

/** Makes a pod and signs in to it. */
export function useCreateVault() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: CreateVault) => call<Me>('POST', 'api/vaults', { body }),
    onSuccess: (me) => {
      client.clear()
      client.setQueryData(['me'], me)
    },
  })
}

/** Makes a throw-away customer with sample data; the reply says where the tour goes on. */
export function useStartTour() {
  return useMutation({ mutationFn: () => call<Redirect>('POST', 'api/tour', { body: {} }) })
}

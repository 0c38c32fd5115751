import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { CreateVault, Me, NewVault } from '#schemas/types.gen.ts'
import { call } from './http.ts'
import { forgetOthers } from './kept-copy.ts'
import { rememberIssuer } from './remembered-issuer.ts'

const key = ['new-vault']
const underWay: readonly NewVault['state'][] = ['waiting', 'pod', 'sign-in']

/** How far the vault is that this browser asked for; asked again until it is ready. A page that is loaded again asks, too. */
export function useNewVault() {
  return useQuery({
    queryKey: key,
    queryFn: ({ signal }) => call<NewVault>('GET', 'api/vaults/progress', { signal }),
    refetchInterval: (query) => (underWay.includes(query.state.data?.state ?? 'none') ? 700 : false),
    staleTime: 0,
  })
}

/** Asks for a pod and an account; how far they are says `useNewVault`. */
export function useBeginVault() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: CreateVault) => call<NewVault>('POST', 'api/vaults/begin', { body }),
    onSuccess: (view) => client.setQueryData(key, view),
  })
}

/** Signs in to the vault that is ready. Works once. */
export function useEnterVault() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => call<Me>('POST', 'api/vaults/enter', { body: {} }),
    onSuccess: (me) => {
      forgetOthers(client)
      client.setQueryData(['me'], me)
      if (me.issuer !== undefined) rememberIssuer(me.issuer)
    },
    onError: () => client.invalidateQueries({ queryKey: key }),
  })
}

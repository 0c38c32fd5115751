import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { GrantView, Grants } from '#schemas/types.gen.ts'
import { call } from './http.ts'

/** Every grant, live and past. */
export function useGrants() {
  return useQuery({
    queryKey: ['grants'],
    queryFn: async ({ signal }) => (await call<Grants>('GET', 'api/grants', { signal })).grants,
  })
}

export function useGrant(grantId: string) {
  return useQuery({
    queryKey: ['grants', grantId],
    queryFn: ({ signal }) => call<GrantView>('GET', `api/grants/${encodeURIComponent(grantId)}`, { signal }),
  })
}

/** Withdraws, pauses or resumes; in effect once the reply is here. */
export function useChangeGrant(grantId: string, act: 'withdraw' | 'pause' | 'resume') {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () =>
      call<GrantView>('POST', `api/grants/${encodeURIComponent(grantId)}/${act}`, { body: {} }),
    onSuccess: (grant) => {
      client.setQueryData(['grants', grantId], grant)
      client.setQueryData<GrantView[]>(['grants'], (grants) =>
        grants?.map((other) => (other.grantId === grantId ? grant : other)),
      )
      void client.invalidateQueries({ queryKey: ['activity'] })
    },
  })
}

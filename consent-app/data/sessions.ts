import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Sessions } from '#schemas/types.gen.ts'
import { call } from './http.ts'

const queryKey = ['sessions']

/** Where the customer is signed in. */
export function useSessions() {
  return useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await call<Sessions>('GET', 'api/sessions', { signal })).sessions,
    staleTime: 0,
  })
}

/** Ends one of the others, or with `undefined` all of them. */
export function useEndSession() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (session: string | undefined) =>
      call<undefined>(
        'POST',
        session === undefined ? 'api/sessions/end-others' : `api/sessions/${session}/end`,
        { body: {} },
      ),
    onSettled: () => client.invalidateQueries({ queryKey }),
  })
}

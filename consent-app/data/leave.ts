import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Leave, LeaveView, Left, WithdrawnAll } from '#schemas/types.gen.ts'
import { call } from './http.ts'

/** What leaving would mean right now. */
export function useLeaveView() {
  return useQuery({
    queryKey: ['leave'],
    queryFn: ({ signal }) => call<LeaveView>('GET', 'api/leave', { signal }),
    staleTime: 0,
  })
}

export function useWithdrawAll() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (askDeletion: boolean) =>
      call<WithdrawnAll>('POST', 'api/grants/withdraw', { body: { askDeletion } }),
    onSuccess: () => client.invalidateQueries(),
  })
}

/** For good. What follows is the caller's: nobody is signed in any more. */
export function useLeave() {
  return useMutation({ mutationFn: (body: Leave) => call<Left>('POST', 'api/leave', { body }) })
}

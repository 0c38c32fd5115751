import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Probe } from '#schemas/types.gen.ts'
import { call } from './http.ts'

/** Gives Reach's agent access to the container, takes it away, or only looks what the agent can see. */
export function usePodAccess(act: 'connect' | 'probe' | 'disconnect') {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => call<Probe>('POST', `api/pod/${act}`, { body: {} }),
    onSuccess: () => client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'probe' }),
  })
}

import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Probe } from '#schemas/types.gen.ts'
import { call } from './http.ts'

/**
 * Gives Reach's agent access to the container, takes it away, or only looks what the agent can see. Giving does not
 * read the pages anew by itself: what the agent found stays on the screen until the customer goes on (`usePodChanged`).
 */
export function usePodAccess(act: 'connect' | 'probe' | 'disconnect') {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => call<Probe>('POST', `api/pod/${act}`, { body: {} }),
    onSuccess: () => client.invalidateQueries(act === 'connect' ? { refetchType: 'none' } : {}),
  })
}

/** Reads everything that depends on the pod anew. */
export function usePodChanged(): () => Promise<void> {
  const client = useQueryClient()
  return () => client.invalidateQueries()
}

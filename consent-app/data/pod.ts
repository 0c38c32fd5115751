import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { NewPodCredentials, PodMoveView, Probe, Redirect, Storages } from '#schemas/types.gen.ts'
import { call } from './http.ts'

/**
 * Gives Reach's agent access to the container, takes it away, puts it right, or only looks what the agent can see. Giving
 * does not read the pages anew by itself: what the agent found stays on the screen until the customer goes on
 * (`usePodChanged`).
 */
export function usePodAccess(act: 'connect' | 'probe' | 'repair' | 'disconnect') {
  const client = useQueryClient()
  const stays = act === 'connect' || act === 'repair'
  return useMutation({
    mutationFn: () => call<Probe>('POST', `api/pod/${act}`, { body: {} }),
    onSuccess: () => client.invalidateQueries(stays ? { refetchType: 'none' } : {}),
  })
}

/** Reads everything that depends on the pod anew. */
export function usePodChanged(): () => Promise<void> {
  const client = useQueryClient()
  return () => client.invalidateQueries()
}

/** Where the data could lie. Asks the pod each time it is opened. */
export function useStorages() {
  return useQuery({
    queryKey: ['storages'],
    queryFn: () => call<Storages>('POST', 'api/pod/storages', { body: {} }),
    staleTime: 0,
  })
}

export function useChooseContainer() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (container: string) => call<Storages>('POST', 'api/pod/container', { body: { container } }),
    onSuccess: () => client.invalidateQueries(),
  })
}

/** Keeps credentials that the customer made at her pod's sign-in server, and connects with them. */
export function useKeepCredentials() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: NewPodCredentials) => call<Probe>('POST', 'api/pod/credentials', { body }),
    onSuccess: () => client.invalidateQueries({ refetchType: 'none' }),
  })
}

export function useForgetCredentials() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => call<Probe>('POST', 'api/pod/credentials/remove', { body: {} }),
    onSuccess: () => client.invalidateQueries(),
  })
}

export function usePodMove() {
  return useQuery({
    queryKey: ['pod-move'],
    queryFn: ({ signal }) => call<PodMoveView>('GET', 'api/pod/move', { signal }),
  })
}

/** Leads to the sign-in page of the pod where the data shall go. */
export function useBeginMove() {
  return useMutation({
    mutationFn: (issuer: string) => call<Redirect>('POST', 'api/pod/move', { body: { issuer } }),
    onSuccess: ({ location }) => window.location.assign(location),
  })
}

/** One step after the other until all is moved; each is kept, so it may be broken off at any time. */
export function useGoOnMoving() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async () => {
      for (;;) {
        const view = await call<PodMoveView>('POST', 'api/pod/move/step', { body: {} })
        client.setQueryData(['pod-move'], view)
        if (view.state !== 'copying') return view
      }
    },
    onSuccess: () => client.invalidateQueries(),
  })
}

export function useEndMove(act: 'cancel' | 'keep' | 'delete') {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () =>
      act === 'cancel'
        ? call<PodMoveView>('POST', 'api/pod/move/cancel', { body: {} })
        : call<PodMoveView>('POST', 'api/pod/move/finish', { body: { deleteOld: act === 'delete' } }),
    onSuccess: () => client.invalidateQueries(),
  })
}

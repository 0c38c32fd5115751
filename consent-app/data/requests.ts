import { queryOptions, skipToken, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { QueryClient } from '@tanstack/react-query'
import type { Decision, DecisionResult, OpenLink, OpenRequests, Redirect, RequestView } from '#schemas/types.gen.ts'
import { call } from './http.ts'
import { sendOrWait } from './waiting.ts'
import { forgetWay, rememberWay } from './ways-back.ts'
import { screenVersion } from './screen-version.ts'

/** Requests that wait for an answer, and those put off. */
export function useOpenRequests() {
  return useQuery({
    queryKey: ['requests'],
    queryFn: async ({ signal }) => (await call<OpenRequests>('GET', 'api/requests', { signal })).requests,
  })
}

/**
 * The decision page of one request. Opening claims the request for who is signed in, so the account is part of the
 * key. It is not read again by itself: what is decided on is what was shown.
 */
export function requestQuery(uid: string, accountId: string | undefined) {
  return queryOptions({
    queryKey: ['request', uid, accountId],
    queryFn: async ({ signal }) => {
      const path = `consent/${encodeURIComponent(uid)}/open`
      const view = await call<RequestView>('POST', path, { body: {}, signal })
      if (view.status === 'open') rememberWay(view.requestId, uid)
      return view
    },
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  })
}

/** Opens the request behind the code of a link: from then on it is this customer's. The reply says where it is. */
export function useOpenLink() {
  return useMutation({
    mutationFn: (code: string) => call<Redirect>('POST', 'api/link', { body: { code } satisfies OpenLink }),
  })
}

/** What this page has answered, also after going to another one and coming back. */
export function useDecided(uid: string): DecisionResult | undefined {
  return useQuery<DecisionResult>({ queryKey: ['decided', uid], queryFn: skipToken }).data
}

/** Leaves a request that was turned away for the business: there it is refused now, and this browser gets its way back. */
export function useLeave(uid: string) {
  return useMutation({
    mutationFn: () => call<DecisionResult>('POST', `consent/${encodeURIComponent(uid)}/leave`, { body: {} }),
  })
}

/**
 * Sends the answer. The same answer again gives the same result, so a lost reply can be asked for again. `undefined` when it
 * waits for the network.
 */
export function useDecide(uid: string, business: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: Decision) => {
      const path = `consent/${encodeURIComponent(uid)}/decision`
      return sendOrWait<DecisionResult>(client, {
        kind: body.decision,
        about: uid,
        business,
        path,
        body: { ...body, ...screenVersion() },
      })
    },
    onSuccess: (result) => {
      if (result !== undefined) noteDecided(client, uid, result)
    },
  })
}

/** What came of an answer, wherever it was sent from. */
export function noteDecided(client: QueryClient, uid: string, result: DecisionResult): void {
  client.setQueryData(['decided', uid], result)
  forgetWay(uid)
  for (const key of ['requests', 'grants', 'activity']) void client.invalidateQueries({ queryKey: [key] })
}

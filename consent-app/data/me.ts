import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { QueryClient } from '@tanstack/react-query'
import type { Me, Redirect, SetLanguage } from '#schemas/types.gen.ts'
import { noteReply, useConnection } from './connection.ts'
import { call, isOffline } from './http.ts'
import { restoreCopy } from './kept-copy.ts'

/** No word of the reply is in a language. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal, client }) => askMe(client, signal),
})

/**
 * Who is signed in, and how this Reach is set up. While the pods start, or while nobody answers, it is asked again until they
 * do. A page that begins while nobody answers shows the copy that was kept.
 */
export function useMe() {
  const isAway = useConnection() !== 'online'
  return useQuery({
    ...meQuery,
    // What tells that it failed asks who is signed in, too.
    retryOnMount: false,
    refetchInterval: (query) => (isAway ? 3000 : query.state.data?.podsReady === false ? 1500 : false),
  })
}

/** Keeps the language she chose with her account, so that she is written to in it; without a word where that fails. */
export function useKeepLanguage(): (language: SetLanguage['language']) => void {
  const client = useQueryClient()
  return (language) => {
    if (client.getQueryData<Me>(['me'])?.signedIn !== true) return
    client.setQueryData<Me>(['me'], (me) => me && { ...me, language })
    void call<undefined>('POST', 'api/me/language', { body: { language } }).catch(() => undefined)
  }
}

let issuer: string | undefined

/** Where she signs in whom this page showed last, for as long as it lives. */
export function issuerOfPage(): string | undefined {
  return issuer
}

async function askMe(client: QueryClient, signal: AbortSignal): Promise<Me> {
  try {
    const me = await call<Me>('GET', 'api/me', { signal })
    noteReply()
    issuer = me.issuer ?? issuer
    return me
  } catch (error) {
    const isFirst = client.getQueryData(['me']) === undefined
    const kept = isFirst && isOffline(error) ? restoreCopy(client) : undefined
    if (kept === undefined) throw error
    return kept
  }
}

/** Makes a throw-away customer with sample data; the reply says where the tour goes on. */
export function useStartTour() {
  return useMutation({ mutationFn: () => call<Redirect>('POST', 'api/tour', { body: {} }) })
}

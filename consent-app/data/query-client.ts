import { QueryCache, QueryClient } from '@tanstack/react-query'
import { ProblemError, isPassing } from './http.ts'

/**
 * Replies stay fresh for a few seconds and are read again when the page is looked at again. A read that finds the
 * session gone asks anew who is signed in, and that brings the sign-in page up where the reader is.
 */
export function createQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        const signedOut = error instanceof ProblemError && error.code === 'not-signed-in'
        if (signedOut && query.queryKey[0] !== 'me') void client.invalidateQueries({ queryKey: ['me'] })
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        networkMode: 'always',
        retry: (failures, error) => failures < 2 && isPassing(error),
      },
      mutations: { networkMode: 'always' },
    },
  })
  return client
}

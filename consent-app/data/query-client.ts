import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { connection, onChange } from './connection.ts'
import { ProblemError, isOffline, isPassing } from './http.ts'
import { keepCopy } from './kept-copy.ts'

/** Not read again by itself: who is signed in was just asked, and what is decided on is what was shown. */
const asked: readonly unknown[] = ['me', 'request', 'terms', 'signed-in']

/**
 * Replies stay fresh for a few seconds and are read again when the page is looked at again. A read that finds the
 * session gone asks anew who is signed in, and that brings the sign-in page up where the reader is. While nobody answers, what
 * was read stays as it was, and all of it is read again afterwards.
 */
export function createQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        // Nobody, or somebody else.
        const isOther = error instanceof ProblemError && ['not-signed-in', 'conflict'].includes(error.code)
        if (isOffline(error) && query.state.data !== undefined)
          query.setState({ ...query.state, status: 'success', error: null })
        if (isOther && query.queryKey[0] !== 'me') void client.invalidateQueries({ queryKey: ['me'] })
      },
    }),
    mutationCache: new MutationCache({
      // It may be that nobody is signed in any more, or somebody else: then the page is drawn anew for her.
      onError: (error) => {
        const code = error instanceof ProblemError ? error.code : undefined
        if (code === 'not-signed-in' || code === 'conflict')
          void client.invalidateQueries({ queryKey: ['me'] })
        // Or what it was about is not what the page shows.
        if (code === 'conflict') void client.invalidateQueries({ queryKey: ['grants'] })
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        networkMode: 'always',
        retry: (failures, error) => failures < 2 && isPassing(error) && connection() === 'online',
      },
      mutations: { networkMode: 'always' },
    },
  })
  keepCopy(client)
  let before = connection()
  onChange(() => {
    const now = connection()
    if (before !== 'online' && now === 'online')
      void client.invalidateQueries({ predicate: ({ queryKey }) => !asked.includes(queryKey[0]) })
    before = now
  })
  return client
}

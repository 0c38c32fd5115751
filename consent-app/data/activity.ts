import { useInfiniteQuery } from '@tanstack/react-query'
import type { Activity } from '#schemas/types.gen.ts'
import { call } from './http.ts'

/** What happened, newest first, a page at a time. */
export function useActivity(pageSize: number) {
  return useInfiniteQuery({
    queryKey: ['activity', pageSize],
    queryFn: ({ pageParam, signal }) => {
      const parameters = new URLSearchParams({ limit: String(pageSize) })
      if (pageParam !== undefined) parameters.set('before', String(pageParam))
      return call<Activity>('GET', `api/activity?${parameters}`, { signal })
    },
    initialPageParam: undefined as number | undefined,
    getNextPageParam: ({ next }) => next,
  })
}

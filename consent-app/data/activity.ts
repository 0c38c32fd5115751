import { useInfiniteQuery } from '@tanstack/react-query'
import type { Activity } from '#schemas/types.gen.ts'
import { call } from './http.ts'

/** What happened, newest first, a page at a time; under one grant, or all of it. */
export function useActivity(pageSize: number, grantId?: string) {
  return useInfiniteQuery({
    queryKey: ['activity', pageSize, grantId],
    queryFn: ({ pageParam, signal }) => {
      const parameters = new URLSearchParams({ limit: String(pageSize) })
      if (grantId !== undefined) parameters.set('grant', grantId)
      if (pageParam !== null) parameters.set('before', String(pageParam))
      return call<Activity>('GET', `api/activity?${parameters}`, { signal })
    },
    // Not `undefined`, which a copy kept as JSON would not bring back.
    initialPageParam: null as number | null,
    getNextPageParam: ({ next }) => next,
  })
}

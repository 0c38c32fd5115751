import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import type { InfiniteData } from '@tanstack/react-query'
import { fits } from '#core/domain/activity.ts'
import type { ActivityFilter } from '#core/domain/activity.ts'
import type { Activity, ActivityItem } from '#schemas/types.gen.ts'
import { call } from './http.ts'

/** What happened, newest first, a page at a time; under one grant, or all of it. */
export function useActivity(pageSize: number, { grantId, isOn = true }: { grantId?: string; isOn?: boolean } = {}) {
  return useInfiniteQuery({
    ...pages(pageSize, grantId === undefined ? {} : { grant: grantId }),
    queryKey: ['activity', pageSize, grantId],
    enabled: isOn,
  })
}

/** What of it fits. Not among what is kept for when Reach cannot be asked: what is kept is searched then. */
export function useFoundActivity(filter: ActivityFilter, { isOn }: { isOn: boolean }) {
  return useInfiniteQuery({ ...pages(50, filter), queryKey: ['activity-found', filter], enabled: isOn })
}

/** What fits of all that is at hand here, newest first. */
export function useKeptActivity(): (filter: ActivityFilter) => ActivityItem[] {
  const client = useQueryClient()
  return (filter) => {
    const kept = client.getQueriesData<InfiniteData<Activity>>({ queryKey: ['activity'] })
    const items = kept.flatMap(([, data]) => data?.pages.flatMap((page) => page.items) ?? [])
    return [...new Map(items.map((item) => [item.index, item])).values()]
      .filter((item) => fits(item, filter))
      .toSorted((a, b) => b.index - a.index)
  }
}

function pages(pageSize: number, asked: ActivityFilter & { grant?: string }) {
  return {
    queryFn: ({ pageParam, signal }: { pageParam: number | null; signal: AbortSignal }) => {
      const parameters = new URLSearchParams({ ...asked, limit: String(pageSize) })
      if (pageParam !== null) parameters.set('before', String(pageParam))
      return call<Activity>('GET', `api/activity?${parameters}`, { signal })
    },
    // Not `undefined`, which a copy kept as JSON would not bring back.
    initialPageParam: null as number | null,
    getNextPageParam: ({ next }: Activity) => next,
  }
}

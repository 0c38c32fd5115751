import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type {
  AuditCounts,
  AuditEntries,
  AuditEntryView,
  AuditFilter,
  AuditStates,
  AuditTimelineView,
  AuditorView,
} from '#schemas/types.gen.ts'
import { call } from './http.ts'

/** Who is looking; an error where nobody is signed in as an auditor. */
export function useAuditor() {
  return useQuery({
    queryKey: ['auditor'],
    queryFn: ({ signal }) => call<AuditorView>('GET', 'api/audit/me', { signal }),
    retry: false,
  })
}

/** Opens the account by its key (`sign-in`), or redeems an invitation for one (`join`). */
export function useOpenAccount(by: 'sign-in' | 'join') {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (pass: string) => call<AuditorView>('POST', `api/audit/${by}`, { body: { pass } }),
    onSuccess: (auditor) => client.setQueryData(['auditor'], auditor),
  })
}

export function useCloseAccount() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => call<void>('POST', 'api/audit/sign-out', { body: {} }),
    onSuccess: () => {
      keepReason('')
      client.removeQueries({ queryKey: ['audit'] })
      // Asks anew who is looking: what was on the screen goes with the answer.
      return client.resetQueries({ queryKey: ['auditor'] })
    },
  })
}

/** Each look is an entry in the log: none happens twice because a window came to the front or a reply was slow. */
const once = {
  staleTime: Infinity,
  retry: false,
  refetchOnWindowFocus: false,
  refetchOnReconnect: false,
  refetchOnMount: false,
} as const

const pageSize = 500

/** Entries that fit, from number `upTo` (else the newest) down. */
export function useAuditSearch(reason: string, filter: AuditFilter, upTo: number | undefined) {
  return useInfiniteQuery({
    ...once,
    queryKey: ['audit', 'search', filter, upTo],
    queryFn: ({ pageParam, signal }) =>
      call<AuditEntries>('POST', 'api/audit/search', {
        body: { reason, filter, limit: pageSize, ...(pageParam !== undefined && { before: pageParam }) },
        signal,
      }),
    initialPageParam: upTo === undefined ? undefined : upTo + 1,
    getNextPageParam: ({ next }) => next,
  })
}

export function useAuditStates(reason: string, filter: AuditFilter, asOf: string | undefined) {
  return useInfiniteQuery({
    ...once,
    queryKey: ['audit', 'states', filter, asOf],
    queryFn: ({ pageParam, signal }) =>
      call<AuditStates>('POST', 'api/audit/states', {
        body: {
          reason,
          filter,
          ...(asOf !== undefined && { asOf }),
          ...(pageParam !== undefined && { after: pageParam }),
        },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next,
  })
}

export function useAuditOverview(reason: string, filter: AuditFilter) {
  return useQuery({
    ...once,
    queryKey: ['audit', 'overview', filter],
    queryFn: ({ signal }) =>
      call<AuditCounts>('POST', 'api/audit/overview', { body: { reason, filter }, signal }),
  })
}

export function useAuditTimeline(reason: string, grant: string) {
  return useQuery({
    ...once,
    queryKey: ['audit', 'timeline', grant],
    queryFn: ({ signal }) =>
      call<AuditTimelineView>('POST', 'api/audit/timeline', { body: { reason, grant }, signal }),
  })
}

export function useAuditEntry(reason: string, index: number) {
  return useQuery({
    ...once,
    queryKey: ['audit', 'entry', index],
    queryFn: ({ signal }) =>
      call<AuditEntryView>('POST', 'api/audit/entry', { body: { reason, index }, signal }),
  })
}

const reasonKey = 'reach.audit-reason'

/** The reason of this review, until the tab is closed. */
export function keptReason(): string {
  return sessionStorage.getItem(reasonKey) ?? ''
}

export function keepReason(reason: string): void {
  sessionStorage.setItem(reasonKey, reason)
}

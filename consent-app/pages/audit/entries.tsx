import { useCallback } from 'react'
import { useReview } from '../../components/audit/audit-shell.tsx'
import { EntryRow, ROW_HEIGHT } from '../../components/audit/entry-row.tsx'
import { Filters, useFilter } from '../../components/audit/filters.tsx'
import { WindowedList } from '../../components/audit/windowed-list.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { Lead, PageTitle, Section, Soft, Stack } from '../../components/layout.tsx'
import { ProblemNote } from '../../components/problem-note.tsx'
import { Skeleton } from '../../components/skeleton.tsx'
import { useAuditSearch } from '../../data/audit.ts'
import { useAuditText } from '../../components/audit/audit-text.tsx'

/** Entries of the log, opened, newest first. */
export function AuditEntriesPage() {
  const { text } = useAuditText()
  const { reason } = useReview()
  const { filter, upTo } = useFilter()
  const search = useAuditSearch(reason, filter, upTo)
  const entries = search.data?.pages.flatMap((page) => page.entries) ?? []
  const newest = search.data?.pages[0]
  const oldest = search.data?.pages.at(-1)
  const { hasNextPage, isFetchingNextPage, isError, fetchNextPage } = search
  const fetchMore = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage && !isError) void fetchNextPage()
  }, [hasNextPage, isFetchingNextPage, isError, fetchNextPage])
  return (
    <>
      <PageTitle title={text('audit.entries.title')} />
      <Lead>{text('audit.entries.lead')}</Lead>
      <Section title={text('audit.filter.title')}>
        <Filters shown={['type', 'business', 'purpose', 'grant', 'from', 'to', 'upTo']} />
      </Section>
      <Section title={text('audit.entries.list')}>
        <Stack>
          {search.isPending && <Skeleton lines={6} />}
          {newest !== undefined && (
            <div role="status">
              <Soft>
                {text(hasNextPage ? 'audit.entries.some' : 'audit.entries.all', {
                  count: entries.length,
                  size: newest.size,
                  from: oldest?.searchedFrom ?? 0,
                })}
              </Soft>
            </div>
          )}
          {newest !== undefined && entries.length === 0 && !hasNextPage && (
            <EmptyState title={text('audit.entries.empty')}>{text('audit.entries.empty.body')}</EmptyState>
          )}
          {newest !== undefined && (entries.length > 0 || hasNextPage) && (
            <WindowedList
              label={text('audit.entries.list')}
              count={entries.length}
              height={ROW_HEIGHT}
              onNearEnd={fetchMore}
              row={(at) => entries[at] && <EntryRow entry={entries[at]} />}
            />
          )}
          {isError && <ProblemNote error={search.error} onRetry={() => void fetchNextPage()} />}
          {isFetchingNextPage && <Skeleton lines={2} />}
        </Stack>
      </Section>
    </>
  )
}

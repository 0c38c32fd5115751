import { useSearchParams } from 'react-router'
import type { Activity } from '#schemas/types.gen.ts'
import { askedFor, filterNames, readFilter } from '../components/activity-filter.ts'
import type { FilterDraft } from '../components/activity-filter.ts'
import { ActivityFilters } from '../components/activity-filters.tsx'
import { ActivityList } from '../components/activity-list.tsx'
import { Button, LinkButton } from '../components/button.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { useGrowing } from '../components/growing-list.ts'
import { Lead, PageTitle, Section, Soft, Stack } from '../components/layout.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { useActivity, useFoundActivity, useKeptActivity } from '../data/activity.ts'
import { isOffline } from '../data/http.ts'
import { useFormats, useText } from '../messages/text.tsx'

/** Everything that happened to the customer's data and decisions, as the log has it; all of it, or what she looks for. */
export function ActivityPage() {
  const { text } = useText()
  const [parameters, setParameters] = useSearchParams()
  const draft = readFilter(parameters)
  const filter = askedFor(draft)
  const isNarrowed = Object.keys(filter).length > 0
  const all = useActivity(50, { isOn: !isNarrowed })
  const found = useFoundActivity(filter, { isOn: isNarrowed })
  const activity = isNarrowed ? found : all
  const findKept = useKeptActivity()
  // Without a network what was loaded is searched here, by the rule of the vault.
  const isKept = isNarrowed && activity.isError && isOffline(activity.error)
  const pages = activity.data?.pages
  const items = isKept ? findKept(filter) : pages?.flatMap((page) => page.items)
  const hasMore = activity.hasNextPage && !isKept
  const { list, grow } = useGrowing<HTMLDivElement>('ol > li')
  // Where nothing ever happened there is nothing to look through.
  const isBlank = items?.length === 0 && !hasMore && !isNarrowed
  const change = (next: FilterDraft) =>
    setParameters(
      filterNames.flatMap((name): [string, string][] => {
        const value = next[name]
        return value === undefined ? [] : [[name, value]]
      }),
    )
  const clear = () => {
    change({})
    // The button that was pressed goes with what it was about.
    document.querySelector<HTMLElement>('main h1')?.focus()
  }
  return (
    <>
      <PageTitle title={text('activity.title')} />
      <Lead>{text('activity.lead')}</Lead>
      {!isBlank && (
        <Section title={text('activity.filter.title')}>
          <ActivityFilters filter={draft} onChange={change} items={items ?? []} />
        </Section>
      )}
      <Section title={text('activity.list')}>
        <Stack gap="l">
          <div role="status">
            {isNarrowed && items !== undefined && (
              <FoundSoFar count={items.length} pages={isKept ? undefined : pages} hasMore={hasMore} />
            )}
          </div>
          {items === undefined && !activity.isError && <Skeleton lines={5} />}
          {isBlank && (
            <EmptyState
              title={text('activity.empty.title')}
              act={<LinkButton to="/data">{text('home.empty.act')}</LinkButton>}
            >
              {text('activity.empty.body')}
            </EmptyState>
          )}
          {isNarrowed && items?.length === 0 && !hasMore && (
            <EmptyState
              title={text('activity.none.title')}
              act={<Button onPress={clear}>{text('activity.filter.clear')}</Button>}
            >
              {text('activity.none.body')}
            </EmptyState>
          )}
          {items !== undefined && items.length > 0 && (
            <div ref={list}>
              <ActivityList items={items} />
            </div>
          )}
          {activity.isError && !isKept && (
            <ProblemNote error={activity.error} onRetry={() => void activity.fetchNextPage()} />
          )}
          {hasMore && (
            <div>
              <Button
                onPress={() => {
                  grow()
                  void activity.fetchNextPage()
                }}
                isPending={activity.isFetchingNextPage}
              >
                {text(isNarrowed ? 'activity.further' : 'activity.more')}
              </Button>
            </div>
          )}
        </Stack>
      </Section>
    </>
  )
}

/** How much fits, and how far back was looked for it; without pages it was looked for in what is kept here. */
function FoundSoFar({
  count,
  pages,
  hasMore,
}: {
  count: number
  pages: readonly Activity[] | undefined
  hasMore: boolean
}) {
  const { text } = useText()
  const formats = useFormats()
  if (pages === undefined) return <Soft>{text('activity.found.kept', { count })}</Soft>
  const entries = pages.reduce((sum, { looked }) => sum + (looked?.entries ?? 0), 0)
  const back = pages.findLast(({ looked }) => looked?.back !== undefined)?.looked?.back
  return (
    <Soft>
      {hasMore && back !== undefined
        ? text('activity.found.some', { count, entries, moment: formats.moment(back) })
        : text('activity.found.all', { count })}
    </Soft>
  )
}

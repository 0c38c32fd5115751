import { ActivityList } from '../components/activity-list.tsx'
import { Button } from '../components/button.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Lead, PageTitle, Section, Stack } from '../components/layout.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { useActivity } from '../data/activity.ts'
import { useText } from '../messages/text.tsx'

/** Everything that happened to the customer's data and decisions, as the log has it. */
export function ActivityPage() {
  const { text } = useText()
  const activity = useActivity(50)
  const items = activity.data?.pages.flatMap((page) => page.items)
  return (
    <>
      <PageTitle title={text('activity.title')} />
      <Lead>{text('activity.lead')}</Lead>
      <Section title={text('activity.list')}>
        <Stack gap="l">
          {items === undefined && !activity.isError && <Skeleton lines={5} />}
          {items?.length === 0 && !activity.hasNextPage && (
            <EmptyState title={text('activity.empty.title')}>{text('activity.empty.body')}</EmptyState>
          )}
          {items !== undefined && items.length > 0 && <ActivityList items={items} />}
          {activity.isError && (
            <ProblemNote error={activity.error} onRetry={() => void activity.fetchNextPage()} />
          )}
          {activity.hasNextPage && (
            <div>
              <Button onPress={() => void activity.fetchNextPage()} isPending={activity.isFetchingNextPage}>
                {text('activity.more')}
              </Button>
            </div>
          )}
        </Stack>
      </Section>
    </>
  )
}

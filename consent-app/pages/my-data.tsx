import type { CategoryView } from '#schemas/types.gen.ts'
import { Button } from '../components/button.tsx'
import { Card, Lead, PageTitle, Stack } from '../components/layout.tsx'
import { Notice } from '../components/notice.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { useCategories } from '../data/categories.ts'
import { CategoryForm } from '../form/category-form.tsx'
import { useText } from '../messages/text.tsx'
import styles from './my-data.module.css'

/** Every category of the pod with its form. */
export function DataPage() {
  const { text } = useText()
  const categories = useCategories()
  const again = () => void categories.refetch()
  return (
    <>
      <PageTitle title={text('data.title')} />
      <Lead>{text('data.lead')}</Lead>
      <div className={styles.body}>
        {categories.isError && <ProblemNote error={categories.error} onRetry={again} />}
        {categories.isPending && <Skeleton lines={5} />}
        {categories.data !== undefined && (
          <>
            <nav className={styles.index} aria-label={text('data.index')}>
              <ul>
                {categories.data.map(({ category, title, values }) => (
                  <li key={category}>
                    <button type="button" onClick={() => show(category)}>
                      {title}
                      <span className={styles.count}>
                        {text('data.filled', { count: Object.keys(values).length })}
                      </span>
                    </button>
                  </li>
                ))}
              </ul>
            </nav>
            <Stack gap="l">
              {categories.data.map((view) => (
                <Category key={view.category} view={view} again={again} />
              ))}
            </Stack>
          </>
        )}
      </div>
    </>
  )
}

function Category({ view, again }: { view: CategoryView; again: () => void }) {
  const { text } = useText()
  return (
    <section aria-labelledby={`category-${view.category}`}>
      <Card>
        <h2 id={`category-${view.category}`} tabIndex={-1} className={styles.title}>
          {view.title}
        </h2>
        <p className={styles.description}>{view.description}</p>
        {view.unreadable === undefined ? (
          <CategoryForm view={view} />
        ) : (
          <Notice
            tone="attention"
            title={text('data.unreadable')}
            actions={
              <Button small onPress={again}>
                {text('action.retry')}
              </Button>
            }
          >
            <p>{view.unreadable}</p>
            <p>{text('data.unreadable.body')}</p>
          </Notice>
        )}
      </Card>
    </section>
  )
}

/** Scrolls to a category and puts the keyboard there. `<base>` makes fragment links lead to another page. */
function show(category: string): void {
  const heading = document.getElementById(`category-${category}`)
  heading?.focus({ preventScroll: true })
  heading?.scrollIntoView({ block: 'start' })
}

import { useState } from 'react'
import type { CategoryView } from '#schemas/types.gen.ts'
import { Button } from '../components/button.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { ExportSection } from '../components/export.tsx'
import { ImportSection } from '../components/import.tsx'
import { Icon } from '../components/icons.tsx'
import { Card, Lead, PageTitle } from '../components/layout.tsx'
import { Notice } from '../components/notice.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { useMe } from '../data/me.ts'
import { useCategories } from '../data/categories.ts'
import { CategoryForm } from '../form/category-form.tsx'
import { useText } from '../messages/text.tsx'
import styles from './my-data.module.css'

/** Every category of the pod with its form, by what it is about. What is empty is folded until somebody opens it. */
export function DataPage() {
  const { text, has } = useText()
  const categories = useCategories()
  const [toggled, setToggled] = useState<ReadonlyMap<string, boolean>>(new Map())
  const again = () => void categories.refetch()
  const views = categories.data ?? []
  const groups = [...Map.groupBy(views, ({ group }) => group)]
  const nameOf = (group: string) => {
    const id = `data.group.${group}`
    return text(has(id) ? id : 'data.group.more')
  }
  const isOpen = (view: CategoryView) => toggled.get(view.category) ?? isFilled(view)
  const toggle = (category: string, open: boolean) =>
    setToggled((before) => new Map(before).set(category, open))
  const show = (view: CategoryView) => {
    toggle(view.category, true)
    requestAnimationFrame(() => goTo(view.category))
  }

  return (
    <>
      <PageTitle title={text('data.title')} />
      <Lead>{text('data.lead')}</Lead>
      {categories.data !== undefined && !views.some(isFilled) && (
        <div className={styles.first}>
          <EmptyState
            title={text('data.empty.title')}
            act={<Button onPress={() => goTo('import')}>{text('data.bring')}</Button>}
          >
            {text('data.empty.body')}
          </EmptyState>
        </div>
      )}
      <div className={styles.body}>
        {categories.isError && <ProblemNote error={categories.error} onRetry={again} />}
        {categories.isPending && <Skeleton lines={5} />}
        {categories.data !== undefined && (
          <>
            <nav className={styles.index} aria-label={text('data.index')}>
              {groups.map(([group, members]) => (
                <div key={group} className={styles.indexGroup}>
                  <p className={styles.indexTitle}>{nameOf(group)}</p>
                  <ul>
                    {members.map((view) => (
                      <li key={view.category}>
                        <button type="button" data-filled={isFilled(view)} onClick={() => show(view)}>
                          {view.title}
                          {Object.keys(view.values).length > 0 && (
                            <span className={styles.count}>
                              {text('data.filled', { count: Object.keys(view.values).length })}
                            </span>
                          )}
                        </button>
                      </li>
                    ))}
                  </ul>
                </div>
              ))}
              <div className={styles.indexGroup}>
                <p className={styles.indexTitle}>{text('data.whole')}</p>
                <ul>
                  {(['import', 'export'] as const).map((section) => (
                    <li key={section}>
                      <button type="button" onClick={() => goTo(section)}>
                        {text(section === 'import' ? 'data.bring' : 'data.take')}
                      </button>
                    </li>
                  ))}
                </ul>
              </div>
            </nav>
            <div className={styles.groups}>
              {groups.map(([group, members]) => (
                <div key={group} className={styles.group}>
                  <h2>{nameOf(group)}</h2>
                  {members.map((view) => (
                    <Category
                      key={view.category}
                      view={view}
                      again={again}
                      isOpen={isOpen(view)}
                      onToggle={(open) => toggle(view.category, open)}
                    />
                  ))}
                </div>
              ))}
              <div id="category-import" tabIndex={-1} className={styles.whole}>
                <ImportSection />
              </div>
              <div id="category-export" tabIndex={-1} className={styles.whole}>
                <ExportSection />
              </div>
            </div>
          </>
        )}
      </div>
    </>
  )
}

function isFilled({ values, unreadable }: CategoryView): boolean {
  return unreadable !== undefined || Object.keys(values).length > 0
}

function Category({
  view,
  again,
  isOpen,
  onToggle,
}: {
  view: CategoryView
  again: () => void
  isOpen: boolean
  onToggle: (open: boolean) => void
}) {
  const { text } = useText()
  const account = useMe().data?.accountId
  const body = `category-${view.category}-body`
  return (
    <section aria-labelledby={`category-${view.category}`}>
      <Card>
        <h3 className={styles.title}>
          <button
            type="button"
            id={`category-${view.category}`}
            className={styles.toggle}
            aria-expanded={isOpen}
            aria-controls={body}
            onClick={() => onToggle(!isOpen)}
          >
            {view.title}
            <span className={styles.chevron}>
              <Icon name="chevron" size={18} />
            </span>
          </button>
        </h3>
        <p className={styles.description}>{view.description}</p>
        {/* What was typed stays while it is folded. */}
        <div id={body} hidden={!isOpen} className={styles.form}>
          {account === undefined ? null : view.unreadable === undefined ? (
            <CategoryForm view={view} account={account} />
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
        </div>
      </Card>
    </section>
  )
}

/** Scrolls to a category and puts the keyboard there. `<base>` makes fragment links lead to another page. */
function goTo(category: string): void {
  const heading = document.getElementById(`category-${category}`)
  heading?.focus({ preventScroll: true })
  heading?.scrollIntoView({ block: 'start' })
}

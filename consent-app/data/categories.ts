import { useQuery } from '@tanstack/react-query'
import type { QueryClient } from '@tanstack/react-query'
import type { Categories, CategoryHistory, CategoryView, SaveCategory, SavedCategory } from '#schemas/types.gen.ts'
import { call } from './http.ts'

/** The values of one category, by the part of a field id behind the dot. */
export type Values = CategoryView['values']

const queryKey = ['categories']
const addressOf = (category: string) => `api/categories/${encodeURIComponent(category)}`
const read = (signal?: AbortSignal) =>
  call<Categories>('GET', 'api/categories', signal === undefined ? {} : { signal })

/** Not read again behind the reader's back while the page is open. */
export function useCategories() {
  return useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await read(signal)).categories,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  })
}

/** Saves only when the pod still holds what the form was filled from; else throws `pod-changed`. */
export async function saveCategory(
  client: QueryClient,
  category: string,
  body: SaveCategory,
): Promise<SavedCategory> {
  const saved = await call<SavedCategory>('PUT', addressOf(category), { body })
  const { etag, values, derived } = saved
  client.setQueryData<CategoryView[]>(queryKey, (categories) =>
    categories?.map((view) => (view.category === category ? { ...view, etag, values, derived } : view)),
  )
  void client.invalidateQueries({ queryKey: ['history', category] })
  // The name that people are greeted with.
  if (category === 'profile') void client.invalidateQueries({ queryKey: ['me'] })
  return saved
}

/** What the pod holds now, past every cache: the other side of a conflict. */
export async function readCategory(client: QueryClient, category: string): Promise<CategoryView | undefined> {
  const { categories } = await read()
  client.setQueryData<CategoryView[]>(queryKey, categories)
  return categories.find((view) => view.category === category)
}

/** What changed in a category, newest first, as her pod keeps it. */
export function useHistory(category: string) {
  return useQuery({
    queryKey: ['history', category],
    queryFn: async ({ signal }) =>
      (await call<CategoryHistory>('GET', `${addressOf(category)}/history`, { signal })).changes,
  })
}

/** Deletes what the pod keeps of earlier values of a category. */
export async function forgetHistory(client: QueryClient, category: string): Promise<void> {
  await call<undefined>('POST', `${addressOf(category)}/history/forget`, { body: {} })
  await client.invalidateQueries({ queryKey: ['history', category] })
}

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Categories, CategoryView, SaveCategory, SavedCategory } from '#schemas/types.gen.ts'
import { call } from './http.ts'

/** The values of one category, by the part of a field id behind the dot. */
export type Values = CategoryView['values']

const queryKey = ['categories']
const read = (signal?: AbortSignal) =>
  call<Categories>('GET', 'api/categories', signal === undefined ? {} : { signal })

/** Not read again behind the reader's back: a form must not change while it is filled in. */
export function useCategories() {
  return useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await read(signal)).categories,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  })
}

/** Saves only when the pod still holds what the form was filled from; else throws `pod-changed`. */
export function useSaveCategory(category: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: SaveCategory) =>
      call<SavedCategory>('PUT', `api/categories/${encodeURIComponent(category)}`, { body }),
    onSuccess: ({ etag, values }) => {
      client.setQueryData<CategoryView[]>(queryKey, (categories) =>
        categories?.map((view) => (view.category === category ? { ...view, etag, values } : view)),
      )
      // Derived answers follow from what was saved.
      return client.invalidateQueries({ queryKey })
    },
  })
}

/** What the pod holds now, past every cache: the other side of a conflict. */
export async function readCategory(category: string): Promise<CategoryView | undefined> {
  return (await read()).categories.find((view) => view.category === category)
}

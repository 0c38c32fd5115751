import { queryOptions, useQuery } from '@tanstack/react-query'
import type { CatalogueView } from '#schemas/types.gen.ts'
import type { FieldSchema } from '../form/form-fields.ts'
import { call } from './http.ts'

export type CatalogueCategory = CatalogueView['categories'][number]
export type CatalogueField = CatalogueCategory['fields'][number] & { readonly schema: FieldSchema }

export interface Catalogue {
  readonly categories: readonly CatalogueCategory[]
  readonly field: (id: string) => CatalogueField | undefined
  /** The answers that say less than this field and are worked out from it. */
  readonly alternatives: (id: string) => readonly { readonly field: string; readonly title: string }[]
  /** All answers that are worked out from this field. */
  readonly answers: (id: string) => readonly { readonly field: string; readonly title: string }[]
}

const nothing: Catalogue = {
  categories: [],
  field: () => undefined,
  alternatives: () => [],
  answers: () => [],
}

/** What there can be in a pod, in the reader's language. It does not change while Reach runs. */
export const catalogueQuery = queryOptions({
  queryKey: ['catalogue'],
  queryFn: ({ signal }) => call<CatalogueView>('GET', 'api/catalogue', { signal }),
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: Number.POSITIVE_INFINITY,
})

function byField({ categories }: CatalogueView): Catalogue {
  const fields = new Map(categories.flatMap((category) => category.fields).map((one) => [one.field, one]))
  return {
    categories,
    field: (id) => fields.get(id) as CatalogueField | undefined,
    alternatives: (id) =>
      [...fields.values()].filter(({ from, hides }) => hides === true && from?.includes(id) === true),
    answers: (id) => [...fields.values()].filter(({ from }) => from?.includes(id) === true),
  }
}

/** Empty until it has come: codes stand for themselves as long. */
export function useCatalogue(): Catalogue {
  return useQuery({ ...catalogueQuery, select: byField }).data ?? nothing
}

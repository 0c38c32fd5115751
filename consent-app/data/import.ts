import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { ImportPreview, SavedCategory } from '#schemas/types.gen.ts'
import { ProblemError, asProblem, call, vaultUrl } from './http.ts'

const types: Readonly<Record<string, string>> = {
  zip: 'application/zip',
  vcf: 'text/vcard',
  vcard: 'text/vcard',
  csv: 'text/csv',
  jsonld: 'application/ld+json',
  json: 'application/ld+json',
}

/** What the file dialog offers. */
export const importable = Object.keys(types)
  .map((ending) => `.${ending}`)
  .join()

/** What a file holds beside the pod. Saves nothing. */
export function useImportPreview() {
  return useMutation({
    async mutationFn(file: File): Promise<ImportPreview> {
      const ending = file.name.split('.').at(-1)?.toLowerCase() ?? ''
      const response = await fetch(vaultUrl('api/import/preview'), {
        method: 'POST',
        credentials: 'same-origin',
        cache: 'no-store',
        redirect: 'error',
        headers: {
          'Content-Type': types[ending] ?? 'application/octet-stream',
          'Accept-Language': document.documentElement.lang,
        },
        body: await file.arrayBuffer(),
      }).catch(() => {
        throw new ProblemError('offline', 0, 'No reply')
      })
      if (!response.ok) throw await asProblem(response)
      return (await response.json()) as ImportPreview
    },
  })
}

/** Saves the chosen fields, one category after the other, each only if the pod still holds what was compared with. */
export function useImport() {
  const client = useQueryClient()
  const [done, setDone] = useState(0)
  const start = useMutation({
    async mutationFn({ preview, chosen }: { preview: ImportPreview; chosen: ReadonlySet<string> }) {
      setDone(0)
      for (const { category, etag, values } of categoriesOf(preview, chosen)) {
        const taken = preview.fields.filter((one) => one.category === category && chosen.has(one.field))
        const added = Object.fromEntries(taken.map(({ field, value }) => [nameOf(field), value]))
        await call<SavedCategory>('PUT', `api/categories/${encodeURIComponent(category)}`, {
          body: { etag, values: { ...values, ...added } },
        })
        setDone((count) => count + 1)
      }
      return chosen.size
    },
    // What was saved is greeted with, and shown beside permissions, too.
    onSettled: () => client.invalidateQueries(),
  })
  return { ...start, done }
}

export function categoriesOf(
  { fields, categories }: ImportPreview,
  chosen: ReadonlySet<string>,
): ImportPreview['categories'] {
  const named = new Set(fields.filter(({ field }) => chosen.has(field)).map(({ category }) => category))
  return categories.filter(({ category }) => named.has(category))
}

const nameOf = (field: string): string => field.slice(field.indexOf('.') + 1)

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { ImportPreview, SaveCategory, SavedCategory } from '#schemas/types.gen.ts'
import type { Values } from './categories.ts'
import { vaultUrl } from './ask.ts'
import { ProblemError, asProblem, call, shownAccount } from './http.ts'

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
      const { account } = shownAccount()
      const ending = file.name.split('.').at(-1)?.toLowerCase() ?? ''
      const response = await fetch(vaultUrl('api/import/preview'), {
        method: 'POST',
        credentials: 'same-origin',
        cache: 'no-store',
        redirect: 'error',
        headers: {
          'Content-Type': types[ending] ?? 'application/octet-stream',
          'Accept-Language': document.documentElement.lang,
          ...(account === undefined ? {} : { 'Reach-Account': account }),
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

/** What an import has changed so far, by category: enough to take all of it back. */
export interface Imported {
  readonly fields: number
  readonly categories: readonly {
    readonly category: string
    readonly title: string
    readonly before: Values
    readonly saved: SavedCategory
  }[]
}

const nothing: Imported = { fields: 0, categories: [] }

/**
 * Saves the chosen fields, one category after the other, each only if the pod still holds what was compared with. `undo` takes
 * back what was saved, all of it in one press, but for categories that were changed since.
 */
export function useImport() {
  const client = useQueryClient()
  const [imported, setImported] = useState(nothing)
  const save = (category: string, body: SaveCategory) =>
    call<SavedCategory>('PUT', `api/categories/${encodeURIComponent(category)}`, { body })
  // What was saved is greeted with, and shown beside permissions, too.
  const onSettled = () => client.invalidateQueries()
  const start = useMutation({
    async mutationFn({ preview, chosen }: { preview: ImportPreview; chosen: ReadonlySet<string> }) {
      let done = nothing
      setImported(done)
      for (const { category, title, etag, values } of categoriesOf(preview, chosen)) {
        const taken = preview.fields.filter((one) => one.category === category && chosen.has(one.field))
        const added = Object.fromEntries(taken.map(({ field, value }) => [nameOf(field), value]))
        const saved = await save(category, { etag, values: { ...values, ...added }, how: 'import' })
        done = {
          fields: done.fields + taken.length,
          categories: [...done.categories, { category, title, before: values, saved }],
        }
        setImported(done)
      }
      return done
    },
    onSettled,
  })
  const undo = useMutation({
    /** Gives the titles of what was changed since and stays. */
    async mutationFn() {
      const stays: string[] = []
      for (const { category, title, before, saved } of imported.categories.toReversed())
        await save(category, { etag: saved.etag, values: before, how: 'undo' }).catch((error: unknown) => {
          if (!(error instanceof ProblemError && error.code === 'pod-changed')) throw error
          stays.push(title)
        })
      return stays
    },
    onSettled,
  })
  return { start, undo, imported }
}

export function categoriesOf(
  { fields, categories }: ImportPreview,
  chosen: ReadonlySet<string>,
): ImportPreview['categories'] {
  const named = new Set(fields.filter(({ field }) => chosen.has(field)).map(({ category }) => category))
  return categories.filter(({ category }) => named.has(category))
}

const nameOf = (field: string): string => field.slice(field.indexOf('.') + 1)

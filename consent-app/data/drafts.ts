import { useQueryClient } from '@tanstack/react-query'
import type { QueryClient } from '@tanstack/react-query'
import type { CategoryView } from '#schemas/types.gen.ts'
import { CategoryDraft } from '../form/category-draft.ts'
import type { FieldSchema } from '../form/form-fields.ts'
import { readCategory, saveCategory } from './categories.ts'
import { ProblemError } from './http.ts'
import { setUnsaved } from './unsaved.ts'

/**
 * What is being typed under My data, by category, for as long as this page of the browser lives: nothing of it is lost when
 * another page of the app is looked at or a session ends, and nothing of it is kept on the device.
 */
const drafts = new Map<string, CategoryDraft>()
let owner: string | undefined

/** The draft of a category for this account; what somebody else typed is forgotten. */
export function useDraft(account: string, view: CategoryView): CategoryDraft {
  const client = useQueryClient()
  if (owner !== account) dropDrafts()
  owner = account
  const known = drafts.get(view.category)
  if (known !== undefined) return known
  const draft = openDraft(client, account, view)
  drafts.set(view.category, draft)
  return draft
}

function openDraft(client: QueryClient, account: string, { category, ...view }: CategoryView): CategoryDraft {
  const draft = new CategoryDraft({ etag: view.etag, values: view.values }, view.schema as FieldSchema, {
    save: (body) =>
      saveCategory(client, category, { ...body, account }).catch((error: unknown) => {
        // Somebody else is signed in: the page is drawn anew for her, and this draft goes.
        if (error instanceof ProblemError && error.code === 'conflict')
          void client.invalidateQueries({ queryKey: ['me'] })
        throw error
      }),
    read: async () => {
      const now = await readCategory(client, category)
      return now === undefined ? undefined : { etag: now.etag, values: now.values }
    },
  })
  draft.subscribe(tell)
  return draft
}

/** Forgets everything that was typed and not saved. */
export function dropDrafts(): void {
  for (const draft of drafts.values()) draft.close()
  drafts.clear()
  owner = undefined
  // Not while something is being drawn.
  queueMicrotask(tell)
}

function resume(): void {
  for (const draft of drafts.values()) draft.retry()
}

function tell(): void {
  setUnsaved([...drafts.values()].some((draft) => draft.isUnsaved()))
}

// The network is back, or somebody who may have signed in again in another tab.
for (const back of ['online', 'focus']) window.addEventListener(back, resume)

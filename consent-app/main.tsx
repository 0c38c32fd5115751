import type { QueryClient } from '@tanstack/react-query'
import { startTransition } from 'react'
import { createRoot } from 'react-dom/client'
import './styles/tokens.css'
import './styles/base.css'
import { App } from './app.tsx'
import { catalogueQuery } from './data/catalogue.ts'
import { meQuery } from './data/me.ts'
import { createQueryClient } from './data/query-client.ts'
import { requestQuery } from './data/requests.ts'
import { keepFocus } from './kept-focus.ts'
import type { Locale } from './messages/locale.ts'
import { requestIn } from './mount.ts'

/** What is waited for before anything is drawn over the first look, which then gives way once. */
const patienceMs = 500

/** Draws the app in the reader's language. */
export async function start(locale: Locale): Promise<void> {
  const element = document.getElementById('app')
  if (element === null) throw new Error('The page has no #app')
  keepFocus()
  const queryClient = createQueryClient()
  // A page that the browser kept and shows again must not outlive the session it was drawn for.
  window.addEventListener('pageshow', ({ persisted }) => {
    if (persisted) void queryClient.invalidateQueries()
  })
  await Promise.race([readFirst(queryClient), new Promise((resolve) => setTimeout(resolve, patienceMs))])
  // In slices, between which the browser answers to the reader.
  startTransition(() => createRoot(element).render(<App locale={locale} queryClient={queryClient} />))
}

/** Who is signed in, what there can be in a pod, and the request on its decision page. */
async function readFirst(client: QueryClient): Promise<void> {
  const catalogue = client.prefetchQuery(catalogueQuery)
  await client.prefetchQuery(meQuery)
  const me = client.getQueryData(meQuery.queryKey)
  const request = requestIn(location.href, document.baseURI)
  if (me?.signedIn === true && request !== undefined)
    await client.prefetchQuery(requestQuery(request, me.accountId))
  await catalogue
}

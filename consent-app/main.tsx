import { createRoot } from 'react-dom/client'
import './styles/tokens.css'
import './styles/base.css'
import { App } from './app.tsx'
import { catalogueQuery } from './data/catalogue.ts'
import { meQuery } from './data/me.ts'
import { createQueryClient } from './data/query-client.ts'
import { declareLanguage } from './messages/language.tsx'
import { loadLocale } from './messages/locale.ts'
import { rememberedLanguage } from './messages/remembered-language.ts'

const element = document.getElementById('app')
if (element === null) throw new Error('The page has no #app')

// What the first look waits for comes side by side: who is signed in, the words, and the decision page where it is that.
const queryClient = createQueryClient()
void queryClient.prefetchQuery(meQuery)
if (location.pathname.includes('/consent/')) void import('./pages/request.tsx').catch(() => undefined)
const locale = await loadLocale(navigator.languages, rememberedLanguage())
// Before anything is drawn or asked: no page turns round under the reader's eyes.
declareLanguage(locale)
void queryClient.prefetchQuery(catalogueQuery)
// A page that the browser kept and shows again must not outlive the session it was drawn for.
window.addEventListener('pageshow', ({ persisted }) => {
  if (persisted) void queryClient.invalidateQueries()
})
createRoot(element).render(<App locale={locale} queryClient={queryClient} />)

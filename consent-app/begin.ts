/**
 * The first script of every page, as small as it can be: turns the page to the reader's language, asks the vault for what the first look
 * needs, and only then has the app itself run. Words, replies and the app come side by side instead of one after another.
 */
import type { Me } from '#schemas/types.gen.ts'
import button from './components/button.module.css'
import { keepAhead, send } from './data/ask.ts'
import { chooseLanguage, declareLanguage, loadLocale } from './messages/locale.ts'
import { notLoaded } from './messages/not-loaded.ts'
import { rememberedLanguage } from './messages/remembered-language.ts'
import { requestIn } from './mount.ts'

// Before anything is drawn or asked: no page turns round under the reader's eyes.
const { language } = chooseLanguage(navigator.languages, rememberedLanguage())
declareLanguage(language)
const locale = loadLocale(navigator.languages, rememberedLanguage())
const me = send('GET', 'api/me')
keepAhead('GET', 'api/me', me)
keepAhead('GET', 'api/catalogue', send('GET', 'api/catalogue'))
const request = requestIn(location.href, document.baseURI)
if (request !== undefined)
  keepAhead(
    'POST',
    `consent/${request}/open`,
    open(request).catch(() => undefined),
  )
// What came with the page is painted before the app takes the processor.
void Promise.all([painted().then(() => import('./main.tsx')), locale])
  .then(([{ start }, words]) => start(words))
  .catch(() => {
    const said = document.createElement('p')
    said.textContent = notLoaded[language].said
    const again = document.createElement('button')
    again.className = `${button['button']} ${button['outline']}`
    again.textContent = notLoaded[language].again
    again.addEventListener('click', () => location.reload())
    const shown = document.createElement('div')
    shown.role = 'alert'
    shown.append(said, again)
    document.getElementById('app')?.replaceChildren(shown)
  })

/** Opening a request claims it, so only for somebody who is signed in. */
async function open(uid: string): Promise<Response | undefined> {
  const reply = await me
  if (!reply.ok) return undefined
  const { signedIn, accountId } = (await reply.clone().json()) as Me
  if (!signedIn || accountId === undefined) return undefined
  return send('POST', `consent/${uid}/open`, { body: {}, account: accountId })
}

/** Once the browser had its turn to paint; in the background it takes none, and is not waited for long. */
function painted(): Promise<void> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve))
    setTimeout(resolve, document.visibilityState === 'hidden' ? 0 : 1000)
  })
}

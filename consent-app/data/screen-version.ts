/**
 * Which build of the app this page is, as the vault that served it says: told with a decision, so that the record of it names the
 * screen that was shown. Nothing where a development server shows the page.
 */
export function screenVersion(): { screen?: string } {
  const screen = document.querySelector<HTMLMetaElement>('meta[name=reach-screen]')?.content ?? ''
  return /^[\w-]{22}$/.test(screen) ? { screen } : {}
}

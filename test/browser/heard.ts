/** What somebody meets who hears a page, enlarges it, or cannot bear it to move. */
import type { Page } from '@playwright/test'
import { contrastOf, violationsOf } from './chromium.ts'

/** A control or part that says nothing of itself: in an accessibility tree it is its role and no name. */
const nameless =
  /^\s*- (?:alertdialog|button|checkbox|combobox|dialog|group|heading|img|link|navigation|progressbar|radio|radiogroup|region|searchbox|slider|spinbutton|switch|table|textbox)(?: \[[^\]]*\])*:?$/

/**
 * What is wrong with the page as it stands: against WCAG 2.2 AA as far as axe can tell, its colours by night as well; in its
 * accessibility tree; at 200 % and 400 % of a screen 1280 wide; and whatever moves although less motion was asked for.
 */
export async function barriersOn(page: Page): Promise<string[]> {
  const found = await violationsOf(page)
  await page.emulateMedia({ colorScheme: 'dark' })
  found.push(...(await contrastOf(page)).map((violation) => `by night: ${violation}`))
  await page.emulateMedia({ colorScheme: 'light' })
  return [...found, ...(await treeFaults(page)), ...(await motion(page)), ...(await cutOff(page))]
}

async function treeFaults(page: Page): Promise<string[]> {
  const lines = (await page.locator('body').ariaSnapshot()).split('\n')
  const found = lines
    .filter((line) => nameless.test(line))
    .map((line) => `says nothing of itself: ${line.trim()}`)
  // What is behind a dialog is not there for who hears it.
  if (lines.some((line) => /^\s*- alertdialog "/.test(line))) return found
  const titles = lines.filter((line) => /- heading ".*" \[level=1\]/.test(line)).length
  if (titles !== 1) found.push(`${titles} titles of the page`)
  if (!lines.some((line) => /^\s*- main/.test(line))) found.push('no main part')
  return found
}

function motion(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    document
      .getAnimations()
      .filter(({ playState, effect }) => playState === 'running' && Number(effect?.getTiming().duration) > 1)
      .map(
        (animation) => `moves: ${animation instanceof CSSAnimation ? animation.animationName : animation.id}`,
      ),
  )
}

async function cutOff(page: Page): Promise<string[]> {
  const before = page.viewportSize() ?? { width: 1280, height: 900 }
  const found: string[] = []
  for (const [zoom, size] of [
    ['200 %', { width: 640, height: 450 }],
    ['400 %', { width: 320, height: 256 }],
  ] as const) {
    await page.setViewportSize(size)
    const wider = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement
      return scrollWidth - clientWidth
    })
    if (wider > 0) found.push(`${wider} pixels are cut off at ${zoom}`)
  }
  await page.setViewportSize(before)
  return found
}

/** From here on, whatever a live region says is kept for `announced`. */
export async function listen(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const heard: string[] = []
    Object.assign(window, { heard })
    const live = '[role=status], [role=alert], [aria-live]:not([aria-live=off])'
    new MutationObserver((changes) => {
      for (const { target, addedNodes } of changes)
        for (const node of [target, ...addedNodes]) {
          const element = node instanceof Element ? node : node.parentElement
          const regions = [element?.closest(live), ...(element?.querySelectorAll(live) ?? [])]
          for (const region of regions) if (region?.textContent) heard.push(region.textContent)
        }
    }).observe(document, { subtree: true, childList: true, characterData: true })
  })
}

/** What the live regions have said since the page was loaded. */
export async function announced(page: Page): Promise<string> {
  return page.evaluate(() => ((window as { heard?: string[] }).heard ?? []).join('\n'))
}

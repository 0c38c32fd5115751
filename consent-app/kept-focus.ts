/**
 * What has the focus may go with what it was about, such as a button that is done with. The focus then goes to the heading of the
 * part of the page it was in, so that the keyboard goes on from there and a screen reader says where one is.
 */
export function keepFocus(): void {
  let way: readonly Element[] = []
  let isLooking = false
  document.addEventListener('focusin', ({ target }) => {
    // Not from within a dialog: what counts is where it was opened.
    if (target instanceof Element && target.closest('main') !== null) way = wayUp(target)
  })
  const look = () => {
    isLooking = false
    const isLost = document.activeElement === document.body && way[0]?.isConnected === false
    if (!isLost || document.querySelector('[role=dialog], [role=alertdialog]') !== null) return
    const part = way.find((one) => one.isConnected && one.matches('article, section, main'))
    const heading = part?.querySelector<HTMLElement>('h1, h2, h3')
    if (heading === undefined || heading === null) return
    heading.tabIndex = -1
    heading.focus({ preventScroll: true })
  }
  new MutationObserver(() => {
    if (isLooking) return
    isLooking = true
    requestAnimationFrame(look)
  }).observe(document.body, { childList: true, subtree: true })
}

function wayUp(from: Element): Element[] {
  const way: Element[] = []
  for (let at: Element | null = from; at !== null; at = at.parentElement) way.push(at)
  return way
}

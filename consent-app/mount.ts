/** The path this app is mounted at, from `<base href>`: `/` or such as `/tour`. */
export function mountPath(): string {
  return new URL(document.baseURI).pathname.replace(/\/+$/, '') || '/'
}

/** `URL.parse` for browsers that lack it. */
export function asUrl(text: string, base?: string): URL | undefined {
  return URL.canParse(text, base) ? new URL(text, base) : undefined
}

/**
 * Where in this app an address leads, without the mount, for the router: `/tour/settings` under `/tour` is
 * `/settings`. An address of another origin or outside the mount leads to the first page. `base` is the document's.
 */
export function pathInApp(location: string, base: string): string {
  const url = asUrl(location, base)
  const { origin, pathname } = new URL(base)
  const mount = pathname.replace(/\/+$/, '')
  if (url === undefined || url.origin !== origin) return '/'
  const isInside = url.pathname === mount || url.pathname.startsWith(`${mount}/`)
  return isInside ? `${url.pathname.slice(mount.length) || '/'}${url.search}` : '/'
}

/** The request whose decision page an address leads to. */
export function requestIn(location: string, base: string): string | undefined {
  return /^\/consent\/([\w-]+)$/.exec(pathInApp(location, base).replace(/\?.*$/, ''))?.[1]
}

/** Whether a link may be followed: `javascript:` and the like, or nonsense, are not. */
export function isWebAddress(href: string | undefined): href is string {
  const protocol = href === undefined ? undefined : asUrl(href)?.protocol
  return protocol === 'https:' || protocol === 'http:'
}

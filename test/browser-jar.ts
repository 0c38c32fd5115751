/**
 * A browser for HTTP flows: cookies by path, redirects by hand, and the headers that a page of the vault
 * would send.
 */
export class BrowserJar {
  #cookies: { name: string; value: string; path: string }[] = []
  readonly #redirects: string[]
  /** Sent so far. */
  requests = 0

  /** `redirects` collects every address that a reply points to. */
  constructor(redirects: string[] = []) {
    this.#redirects = redirects
  }

  /** One request; a redirect is answered, not followed. */
  async go(url: string | URL, init: RequestInit = {}): Promise<Response> {
    const target = new URL(url)
    const headers = new Headers(init.headers)
    const cookie = this.#cookies
      .filter(({ path }) => matchesPath(target.pathname, path))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
    if (cookie !== '') headers.set('cookie', cookie)
    this.requests++
    const response = await fetch(target, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) this.#keep(line, target.pathname)
    const location = response.headers.get('location')
    if (location !== null) this.#redirects.push(location)
    return response
  }

  /** JSON from a page of the same origin. */
  post(url: string | URL, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return this.go(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        origin: new URL(url).origin,
        'sec-fetch-site': 'same-origin',
        ...headers,
      },
      body: JSON.stringify(body),
    })
  }

  /**
   * Goes on until a reply is no redirect, or leads to an address that `stop` names, which is then not
   * visited.
   */
  async follow(start: string | URL, stop: (url: URL) => boolean): Promise<{ url: URL; response?: Response }> {
    let url = new URL(start)
    for (let step = 0; step < 10; step++) {
      if (stop(url)) return { url }
      const response = await this.go(url)
      const location = response.headers.get('location')
      if (location === null) return { url, response }
      url = new URL(location, url)
    }
    throw new Error('redirected in a circle')
  }

  get cookies(): readonly { readonly name: string; readonly value: string; readonly path: string }[] {
    return this.#cookies
  }

  /** As somebody would who can write this browser's cookies. */
  plant(name: string, value: string): void {
    this.#keep(`${name}=${value}; Path=/`, '/')
  }

  /** What another browser of the same person does not have. */
  clear(): void {
    this.#cookies = []
  }

  #keep(line: string, pathname: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(pair) ?? []
    const attribute = (key: string) =>
      attributes.find((one) => one.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1)
    const path = attribute('path') ?? (pathname.slice(0, pathname.lastIndexOf('/')) || '/')
    const expires = attribute('expires')
    const isGone = value === '' || (expires !== undefined && Date.parse(expires) <= Date.now())
    this.#cookies = this.#cookies.filter((one) => one.name !== name || one.path !== path)
    if (!isGone) this.#cookies.push({ name, value, path })
  }
}

/** RFC 6265 section 5.1.4. */
function matchesPath(pathname: string, path: string): boolean {
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`)
}

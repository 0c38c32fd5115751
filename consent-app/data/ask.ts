/** The address of an operation or page of this vault, whatever path it is mounted at. `path` has no leading slash. */
export function vaultUrl(path: string): URL {
  return new URL(path, document.baseURI)
}

export type Method = 'GET' | 'POST' | 'PUT'

interface Asked {
  readonly body?: object
  readonly signal?: AbortSignal
  readonly account?: string
}

/** Sends one call to the vault: same origin, JSON both ways, nothing kept; refused where somebody else than `account` is signed in. */
export function send(
  method: Method,
  path: string,
  { body, signal, account }: Asked = {},
): Promise<Response> {
  return fetch(vaultUrl(path), {
    method,
    credentials: 'same-origin',
    cache: 'no-store',
    redirect: 'error',
    headers: {
      Accept: 'application/json, application/problem+json',
      // The words of the catalogue come in the language of the page, which the browser's own need not be.
      'Accept-Language': document.documentElement.lang,
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(account === undefined ? {} : { 'Reach-Account': account }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  })
}

const ahead = new Map<string, Promise<Response | undefined>>()

/** Keeps the reply to what the app will ask first, asked before the app is there; `undefined` where it could not be asked yet. */
export function keepAhead(method: Method, path: string, reply: Promise<Response | undefined>): void {
  ahead.set(`${method} ${path}`, reply)
  // Who takes it hears of a failure.
  void reply.catch(() => undefined)
}

/** The reply that was kept, once: every later call asks anew. */
export async function takeAhead(method: Method, path: string): Promise<Response | undefined> {
  const reply = ahead.get(`${method} ${path}`)
  ahead.delete(`${method} ${path}`)
  return reply
}

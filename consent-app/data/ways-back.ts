/**
 * Where this browser can answer an open request: its interaction, by request. Only the browser that a business sent
 * here can answer (its cookie says so), so only this browser remembers the way. Both ids are random and open nothing
 * without that cookie.
 */
const rememberedAs = 'reach.requests'
const most = 20

type Ways = Readonly<Record<string, string>>

export function rememberWay(requestId: string, uid: string): void {
  const { [requestId]: _before, ...others } = readWays()
  writeWays(Object.fromEntries([...Object.entries(others), [requestId, uid]].slice(-most)))
}

/** An answered or expired request has no way any more. */
export function forgetWay(uid: string): void {
  writeWays(Object.fromEntries(Object.entries(readWays()).filter(([, known]) => known !== uid)))
}

export function wayTo(requestId: string): string | undefined {
  const ways = readWays()
  return Object.hasOwn(ways, requestId) ? ways[requestId] : undefined
}

export function forgetWays(): void {
  writeWays({})
}

function readWays(): Ways {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(storageKey()) ?? '{}')
    const entries = Object.entries(typeof found === 'object' && found !== null ? found : {})
    return Object.fromEntries(entries.filter(([, uid]) => typeof uid === 'string'))
  } catch {
    return {}
  }
}

function writeWays(ways: Ways): void {
  try {
    if (Object.keys(ways).length === 0) localStorage.removeItem(storageKey())
    else localStorage.setItem(storageKey(), JSON.stringify(ways))
  } catch {
    // Storage may be switched off; then the way leads by the business again.
  }
}

/** Vault and tour share an origin, not their requests. */
function storageKey(): string {
  return `${rememberedAs} ${new URL(document.baseURI).pathname}`
}

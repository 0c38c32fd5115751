/** When the customer was here before, as this device knows it: a visit ends when nothing is looked at for half an hour. */
interface Visit {
  readonly accountId: string
  /** When she was last here, Unix ms. */
  readonly seen: number
  /** The end of the visit before this one. */
  readonly before?: number
}

const pauseMs = 30 * 60_000

/** Notes that she is here, and gives the end of the visit before; `undefined` where this device knows of none. */
export function noteVisit(accountId: string): number | undefined {
  const now = Date.now()
  const known = readVisit()
  const own = known?.accountId === accountId ? known : undefined
  const before = own !== undefined && now - own.seen > pauseMs ? own.seen : own?.before
  write({ accountId, seen: now, ...(before === undefined ? {} : { before }) })
  return before
}

export function forgetVisits(): void {
  write(undefined)
}

function readVisit(): Visit | undefined {
  try {
    return JSON.parse(localStorage.getItem(storageKey()) ?? 'null') ?? undefined
  } catch {
    return undefined
  }
}

function write(visit: Visit | undefined): void {
  try {
    if (visit === undefined) localStorage.removeItem(storageKey())
    else localStorage.setItem(storageKey(), JSON.stringify(visit))
  } catch {
    // Storage may be switched off; then every visit is a first one.
  }
}

/** Vault and tour share an origin, not their customers. */
function storageKey(): string {
  return `reach.visit ${new URL(document.baseURI).pathname}`
}

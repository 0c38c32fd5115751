/**
 * What this browser remembers of the log: its key and the newest checkpoint it verified. With these a log that was
 * rewritten, or is signed by somebody else, is seen through; without them every forgery is whole in itself.
 */
export interface KeptLog {
  readonly vkey: string
  /** Signed checkpoint; undefined before the first one was verified. */
  readonly note?: string
  /** When it was last verified, Unix ms. */
  readonly at: number
}

export function readKeptLog(): KeptLog | undefined {
  try {
    const kept: Partial<KeptLog> | null = JSON.parse(localStorage.getItem(storageKey()) ?? 'null')
    if (typeof kept?.vkey !== 'string' || typeof kept.at !== 'number') return undefined
    return { vkey: kept.vkey, at: kept.at, ...(typeof kept.note === 'string' ? { note: kept.note } : {}) }
  } catch {
    return undefined
  }
}

export function keepLog(kept: KeptLog): void {
  try {
    localStorage.setItem(storageKey(), JSON.stringify(kept))
  } catch {
    // Storage may be switched off: then every look is a first one, and the page says so.
  }
}

/** Vault and tour share an origin, not their logs. */
function storageKey(): string {
  return `reach.log ${new URL(document.baseURI).pathname}`
}

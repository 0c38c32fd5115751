import { hash } from 'node:crypto'

/** Turns personal names (a WebID, a subject, a session id) into parts of key names that tell nothing. */
export interface Names {
  /**
   * 43 characters of base64url. `kind` keeps equal texts of different kinds apart.
   * Depends on the secret, so the database alone cannot be searched for a known name.
   */
  hidden(kind: string, text: string): string
}

/** `secret`: the 32 bytes of the key store's secret `names`. Replacing it loses every index made with it. */
export function createNames(secret: Uint8Array): Names {
  if (secret.length < 32) throw new Error('the secret of names needs 32 bytes')
  const key = Buffer.from(secret).toString('base64url')
  return { hidden: (kind, text) => hidden(key, `${kind}\n${text}`) }
}

/**
 * HMAC would cost ten times as much per query. The nested form keeps what matters of it: the outer hash hides
 * the inner state, so nothing can be appended to a text whose hash is known.
 */
function hidden(key: string, text: string): string {
  return hash('sha256', `${key}\n${hash('sha256', `${key}\n${text}`, 'base64url')}`, 'base64url')
}

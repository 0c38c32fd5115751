import { randomBytes } from 'node:crypto'

/**
 * 128 random bits in base64url: names a row and tells nothing; knowing it gives nobody anything. Begins with a letter or digit,
 * since it is typed as an argument of commands, where a hyphen begins an option.
 */
export function newId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    if (/^[A-Za-z0-9]/.test(id)) return id
  }
}

/** 256 random bits in base64url, for what opens something to whoever holds it: a session, a sign-in, a login. */
export function newHandle(): string {
  return randomBytes(32).toString('base64url')
}

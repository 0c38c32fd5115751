import { randomBytes } from 'node:crypto'

/** 128 random bits in base64url: names a row and tells nothing; knowing it gives nobody anything. */
export function newId(): string {
  return randomBytes(16).toString('base64url')
}

/** 256 random bits in base64url, for what opens something to whoever holds it: a session, a sign-in, a login. */
export function newHandle(): string {
  return randomBytes(32).toString('base64url')
}

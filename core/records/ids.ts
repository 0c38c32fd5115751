import { randomBytes } from 'node:crypto'

/** 128 random bits in base64url: names a row and tells nothing; knowing it gives nobody anything. */
export function newId(): string {
  return randomText(16)
}

/** 256 random bits in base64url, for what opens something to whoever holds it: a session, a sign-in, an invitation. */
export function newHandle(): string {
  return randomText(32)
}

/** Begins with a letter or digit, since it is typed as an argument of commands, where a hyphen begins an option. */
function randomText(bytes: number): string {
  for (;;) {
    const text = randomBytes(bytes).toString('base64url')
    if (/^[A-Za-z0-9]/.test(text)) return text
  }
}

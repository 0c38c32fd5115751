const rememberedAs = 'reach.issuer'

/** The issuer or WebID of the last sign-in on this device. */
export function rememberedIssuer(): string {
  try {
    return localStorage.getItem(rememberedAs) ?? ''
  } catch {
    return ''
  }
}

export function rememberIssuer(issuer: string): void {
  try {
    localStorage.setItem(rememberedAs, issuer)
  } catch {
    // Storage may be switched off; then it is typed again.
  }
}

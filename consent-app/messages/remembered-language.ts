const rememberedAs = 'reach.language'

/** The language that was chosen on this device; without one the browser's own count. */
export function rememberedLanguage(): string | undefined {
  try {
    return localStorage.getItem(rememberedAs) ?? undefined
  } catch {
    return undefined
  }
}

export function rememberLanguage(language: string): void {
  try {
    localStorage.setItem(rememberedAs, language)
  } catch {
    // Storage may be switched off; then it holds until the page is left.
  }
}

import type { Device } from '#core/records/sessions.ts'

/**
 * The kind of browser by its `User-Agent`, as coarse as tells one's own apart. Browsers name those they want to be taken for
 * as well, so the order counts. The header itself is kept nowhere.
 */
export function deviceOf(userAgent = ''): Device {
  return { browser: first(browsers, userAgent), system: first(systems, userAgent) }
}

const browsers = [
  ['edge', /\bEdg(?:e|A|iOS)?\//],
  ['firefox', /\b(?:Firefox|FxiOS)\//],
  ['chrome', /(?:\b|Headless)(?:Chrome|Chromium|CriOS)\//],
  ['safari', /\bSafari\//],
] as const

const systems = [
  ['android', /\bAndroid\b/],
  ['ios', /\b(?:iPhone|iPad|iPod)\b/],
  ['windows', /\bWindows\b/],
  ['macos', /\bMac OS X\b/],
  ['linux', /\bLinux\b/],
] as const

function first<Name extends string>(
  signs: readonly (readonly [Name, RegExp])[],
  userAgent: string,
): Name | 'other' {
  return signs.find(([, sign]) => sign.test(userAgent))?.[0] ?? 'other'
}

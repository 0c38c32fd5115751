import { existsSync } from 'node:fs'
import { installFromDebian } from './debian.ts'

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/opt/google/chrome/chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** The browser for the tests: the one that CHROMIUM names, or the first found in the usual places. */
export function findChromium(): string | undefined {
  const named = process.env['CHROMIUM']
  return [...(named === undefined ? [] : [named]), ...places].find((path) => existsSync(path))
}

/** Like `findChromium`, and installs Debian's package where that is possible. */
export function ensureChromium(): string | undefined {
  const found = findChromium()
  if (found !== undefined) return found
  installFromDebian('chromium')
  return findChromium()
}

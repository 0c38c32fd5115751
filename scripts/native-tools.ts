/** What some tests need that npm does not bring: another implementation of the log's format, and a C compiler. */
import { existsSync } from 'node:fs'
import { installFromDebian } from './debian.ts'

/** Tests without which a run still says what it should, by what they need. */
const needs = [
  {
    tests: 'test/oracles/**',
    files: ['/usr/bin/go', '/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog'],
    packages: ['golang-go', 'golang-golang-x-mod-dev'],
  },
  { tests: 'test/faults/ledger-fsync*', files: ['/usr/bin/gcc'], packages: ['gcc', 'libc6-dev'] },
] as const

/**
 * Patterns of the tests that cannot run on this machine, and the packages they miss. What is missing is installed first
 * where that is possible.
 */
export function testsWithoutTools(): { readonly tests: string; readonly packages: readonly string[] }[] {
  return needs.filter(({ files, packages }) => {
    const isThere = (): boolean => files.every((file) => existsSync(file))
    if (!isThere()) installFromDebian(...packages)
    return !isThere()
  })
}

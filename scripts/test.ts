import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { buildConsentApp } from './build-consent-app.ts'
import { ensureChromium, findChromium } from './chromium.ts'
import { testsWithoutTools } from './native-tools.ts'

const root = join(import.meta.dirname, '..')
const report = join(root, 'test', 'results', 'vitest.json')

/** A run that hangs shall end red, not hang whoever waits for it. */
const deadlineMs = { tests: 45 * 60_000, soak: 3 * 3_600_000 }

interface Tally {
  passed: number
  failed: number
}

/** What tells about the code without running it, quickest first. */
const checks: readonly (readonly [string, readonly string[]])[] = [
  ['types of the schemas are current', ['node', 'scripts/make-types.ts', '--check']],
  ['format', ['oxfmt', '--check']],
  ['lint', ['oxlint', '--type-aware', '--deny-warnings']],
  ['type check', ['tsc']],
  ['no dead code', ['knip', '--no-progress']],
]

/**
 * `npm test`: the static checks and every test; `npm test -- test/unit/x.test.ts ...`: these files alone;
 * `--soak`: what takes longer. The last line is `N passed, N failed`.
 */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { soak: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const tally: Tally = { passed: 0, failed: 0 }
  const isWhole = positionals.length === 0 && !values.soak
  const checked = isWhole ? checkAll(tally) : []
  const ready = await prepare(tally, {
    needsBrowser: isWhole || positionals.some((path) => path.includes('browser')),
  })
  if (ready) await runVitest(tally, { soak: values.soak, files: positionals, leftOut: leaveOut(values.soak) })
  for (const name of await checked) console.log(`FAILED ${name}, see above`)
  process.exitCode = tally.failed === 0 && tally.passed > 0 ? 0 : 1
  console.log(`${tally.passed} passed, ${tally.failed} failed`)
}

/** Beside the tests, which leave the machine idle now and then. Resolves with the names of those that failed. */
async function checkAll(tally: Tally): Promise<string[]> {
  const failed: string[] = []
  for (const [name, command] of checks) if (!(await check(tally, name, command))) failed.push(name)
  return failed
}

/** Tells at once what it found, and whether that is nothing. */
async function check(
  tally: Tally,
  name: string,
  [command = '', ...args]: readonly string[],
): Promise<boolean> {
  const started = performance.now()
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => output.push(part))
  const failure = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code) => resolve(code === 0 ? undefined : output.join('')))
  })
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  console.log(`${failure === undefined ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
  if (failure === undefined) tally.passed++
  else {
    tally.failed++
    console.log(failure.trimEnd())
  }
  return failure === undefined
}

/** What the tests need besides the packages. */
async function prepare(tally: Tally, { needsBrowser }: { needsBrowser: boolean }): Promise<boolean> {
  try {
    await buildConsentApp()
  } catch (error) {
    console.log(`FAILED ${error instanceof Error ? error.message : 'the consent app could not be built'}`)
    tally.failed++
    return false
  }
  if (needsBrowser && ensureChromium() === undefined) {
    console.log('FAILED Chromium is missing: install the package chromium, or name a browser in CHROMIUM')
    tally.failed++
    return false
  }
  return true
}

/**
 * Another implementation to check ours by, and a failing disk, come from Debian. Where they cannot be had, the run says which tests
 * it goes without, and goes on.
 */
function leaveOut(soak: boolean): string[] {
  return (soak ? [] : testsWithoutTools()).map(({ tests, packages }) => {
    console.log(`LEFT OUT ${tests}: needs Debian's ${packages.join(', ')}, or root to install them`)
    return tests
  })
}

interface Run {
  readonly soak: boolean
  readonly files: readonly string[]
  /** Patterns of tests that cannot run here. */
  readonly leftOut: readonly string[]
}

/** Of a whole run, what failed in few files is run once more, alone: see `isWorthAnotherRun`. */
async function runVitest(tally: Tally, run: Run): Promise<void> {
  const first = await vitest(run)
  if (!isWorthAnotherRun(first, run)) return add(tally, first)
  const files = first.failedFiles
  console.log(`Once more, alone: ${files.join(', ')}`)
  const second = await vitest({ ...run, files })
  add(tally, { passed: first.passed - (second.total - first.failed), failed: 0 })
  add(tally, second)
  if (second.failed === 0) console.log(`UNSTABLE passed only when run alone: ${files.join(', ')}`)
}

/**
 * A whole run keeps two busy cores waiting on browsers, pod servers and killed processes, and a test that meets
 * the worst of it may fail for want of time. What is broken fails alone as well; what is unstable is named at the
 * end, to be mended. Many failed files, or a crash without any, are no want of time.
 */
function isWorthAnotherRun(first: Outcome, run: Run): boolean {
  const isWhole = !run.soak && run.files.length === 0
  return isWhole && first.isComplete && first.failedFiles.length > 0 && first.failedFiles.length <= 3
}

interface Outcome extends Tally {
  /** Passed, failed and skipped. */
  readonly total: number
  readonly failedFiles: readonly string[]
  /** Every failure is one of a test case: no file failed to load, no error stood outside of the tests. */
  readonly isComplete: boolean
}

function add(tally: Tally, { passed, failed }: Tally): void {
  tally.passed += passed
  tally.failed += failed
}

async function vitest(run: Run): Promise<Outcome> {
  await mkdir(join(root, 'test', 'results'), { recursive: true })
  await rm(report, { force: true })
  const config = run.soak ? ['--config', 'test/soak/vitest.config.ts'] : []
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const exclude = run.leftOut.flatMap((tests) => ['--exclude', tests])
  const chromium = findChromium()
  const child = spawn('vitest', ['run', ...config, ...reporters, ...exclude, ...run.files], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...(chromium === undefined ? {} : { CHROMIUM: chromium }) },
    timeout: run.soak ? deadlineMs.soak : deadlineMs.tests,
    killSignal: 'SIGKILL',
  })
  const [code, signal] = await once(child, 'exit')
  if (signal !== null) console.log(`FAILED the tests were ended by ${signal}`)
  return readOutcome(code === 0)
}

interface Report {
  readonly numPassedTests: number
  readonly numTotalTests: number
  readonly testResults: readonly { name: string; status: string; assertionResults: readonly unknown[] }[]
}

/** Skipped tests count as failed: the suite has none. No report at all: vitest did not get to its end. */
async function readOutcome(isGreen: boolean): Promise<Outcome> {
  const text = await readFile(report, 'utf8').catch(() => undefined)
  if (text === undefined) return { passed: 0, failed: 1, total: 0, failedFiles: [], isComplete: false }
  const { numPassedTests: passed, numTotalTests: total, testResults } = JSON.parse(text) as Report
  const failedFiles = testResults.filter(({ status }) => status === 'failed')
  const isComplete = failedFiles.length > 0 && failedFiles.every((file) => file.assertionResults.length > 0)
  return {
    passed,
    // A file that could not be loaded, an error outside of any test or a crash has no failed case to show for it.
    failed: isGreen ? total - passed : Math.max(total - passed, 1),
    total,
    failedFiles: failedFiles.map(({ name }) => relative(root, name)),
    isComplete,
  }
}

await main()

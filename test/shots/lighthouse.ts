/**
 * Lighthouse on the decision page, on demand: fetched by npx when it is asked for, no dependency. The median of five runs as a
 * phone on a slow network shows it, signed in by the cookie of a customer.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findChromium } from '../../scripts/chromium.ts'
import type { Story } from '../story.ts'

const version = '13.5.0'
const runs = 5
const floor = 95
const categories = ['performance', 'accessibility'] as const

const metrics = {
  'first-contentful-paint': 'first paint',
  'largest-contentful-paint': 'largest paint',
  'total-blocking-time': 'blocked',
  'cumulative-layout-shift': 'shift',
} as const

type Category = (typeof categories)[number]
interface Report {
  /** What this machine could do meanwhile: below about 1000 the figures tell of the machine. */
  readonly environment: { readonly benchmarkIndex: number }
  readonly categories: Readonly<Record<Category, { readonly score: number | null }>>
  readonly audits: Readonly<
    Record<string, { readonly score: number | null; readonly title: string; readonly displayValue?: string }>
  >
}

/** Prints the figures, and says whether both medians reach what they should. */
export async function measure(story: Story): Promise<boolean> {
  const ada = await story.customer()
  const { path } = await story.ask(ada, await story.shop())
  const url = story.world.config.vaultUrl + path
  const cookie = ada.browser.jar.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
  const folder = await mkdtemp(join(tmpdir(), 'reach-lighthouse-'))
  try {
    const headers = join(folder, 'headers.json')
    await writeFile(headers, JSON.stringify({ Cookie: cookie }), { mode: 0o600 })
    const reports: Report[] = []
    for (let run = 1; run <= runs; run++) {
      const report = await lighthouse(url, headers, join(folder, `${run}.json`))
      if (report === undefined) continue
      reports.push(report)
      console.log(`${run} of ${runs}: ${figuresOf(report)}`)
    }
    const medians = categories.map((one) => median(reports.map((report) => scoreOf(report, one))))
    console.log(`Median of ${runs}: ${categories.map((one, n) => `${one} ${medians[n]}`).join(', ')}`)
    for (const audit of Object.values(reports.at(-1)?.audits ?? {}))
      if (audit.score !== null && audit.score < 0.9)
        console.log(`  ${audit.title} ${audit.displayValue ?? ''}`)
    return reports.length > runs / 2 && medians.every((score) => score >= floor)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** None where the browser gave it nothing to measure, as happens on a busy machine. */
async function lighthouse(url: string, headers: string, output: string): Promise<Report | undefined> {
  const child = spawn(
    'npx',
    [
      '--yes',
      `lighthouse@${version}`,
      url,
      `--extra-headers=${headers}`,
      `--only-categories=${categories.join()}`,
      '--output=json',
      `--output-path=${output}`,
      '--chrome-flags=--headless=new --no-sandbox --disable-gpu',
      '--quiet',
    ],
    {
      stdio: 'ignore',
      env: { ...process.env, CHROME_PATH: findChromium() ?? '' },
      timeout: 120_000,
    },
  )
  const [code] = await once(child, 'exit')
  if (code !== 0) return undefined
  return JSON.parse(await readFile(output, 'utf8')) as Report
}

function figuresOf(report: Report): string {
  const measured = Object.entries(metrics).map(
    ([id, name]) => `${name} ${report.audits[id]?.displayValue ?? '?'}`,
  )
  const scores = categories.map((one) => `${one} ${scoreOf(report, one)}`)
  return [...scores, ...measured, `machine ${Math.round(report.environment.benchmarkIndex)}`].join(', ')
}

const scoreOf = (report: Report, category: Category): number =>
  Math.round((report.categories[category].score ?? 0) * 100)

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

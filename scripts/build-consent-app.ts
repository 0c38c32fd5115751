import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { newestBuild } from '../vault-server/customer/app-build.ts'

const root = join(import.meta.dirname, '..')
const usualFolder = join(root, 'dist', 'consent-app')
/** An earlier build is kept for so long: whoever is starting on it reads it within seconds. */
const KEPT_MS = 3_600_000

/** Everything the build depends on: folders with all that is in them, and files. */
const sources = [
  'consent-app',
  'schemas',
  'core/domain',
  'core/verifier',
  'package-lock.json',
  'scripts/build-consent-app.ts',
]

/**
 * Builds the consent app where there is no build of its sources, and resolves with its folder. Builds stand side by side under the hash
 * of what they were made of, so other processes may build or read at the same time and nothing is taken from under them.
 */
export async function buildConsentApp({
  folder = usualFolder,
  build = buildApart,
}: { folder?: string; build?: (outDir: string) => Promise<void> } = {}): Promise<string> {
  const name = await hashOfSources()
  const built = join(folder, name)
  if (!existsSync(built)) {
    console.log('Building the consent app ...')
    await mkdir(folder, { recursive: true })
    const aside = await mkdtemp(`${built}.`)
    try {
      await build(aside)
      await rename(aside, built).catch((error: unknown) => {
        // Somebody else was faster, with the same.
        if (!existsSync(built)) throw error
      })
    } finally {
      await rm(aside, { recursive: true, force: true })
    }
    await removeOld(folder, name)
  }
  if (newestBuild(folder) !== built) {
    const pointer = `${built}.${randomUUID()}.newest`
    await writeFile(pointer, name)
    await rename(pointer, join(folder, 'newest'))
  }
  return built
}

async function removeOld(folder: string, name: string): Promise<void> {
  for (const other of await readdir(folder)) {
    const path = join(folder, other)
    const made = (await stat(path).catch(() => undefined))?.mtimeMs ?? Infinity
    if (other !== name && other !== 'newest' && made < Date.now() - KEPT_MS)
      await rm(path, { recursive: true, force: true })
  }
}

/** In a process of its own: Vite sets NODE_ENV and keeps much memory. Tests have set it to something else. */
async function buildApart(outDir: string): Promise<void> {
  const vite = spawn(process.execPath, [import.meta.filename, outDir], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  const [code] = await once(vite, 'exit')
  if (code !== 0) throw new Error('the consent app could not be built')
}

async function hashOfSources(): Promise<string> {
  const hash = createHash('sha256')
  for (const source of sources) {
    for (const file of await filesUnder(source)) {
      const content = await readFile(join(root, file))
      hash.update(`${file} ${content.length}\n`).update(content)
    }
  }
  return hash.digest('hex')
}

/** Paths from the root, in a stable order. */
async function filesUnder(path: string): Promise<string[]> {
  if (extname(path) !== '') return [path]
  const entries = await readdir(join(root, path), { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile())
  return files.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)).sort()
}

async function buildInto(outDir: string): Promise<void> {
  const { build } = await import('vite')
  const configFile = join(root, 'consent-app', 'vite.config.ts')
  await build({ configFile, logLevel: 'error', build: { outDir, emptyOutDir: true } })
  const checker = join(root, 'consent-app', 'checker', 'vite.config.ts')
  await build({ configFile: checker, logLevel: 'error', build: { outDir } })
}

if (import.meta.main) {
  const [outDir] = process.argv.slice(2)
  if (outDir === undefined) await buildConsentApp()
  else await buildInto(outDir)
}

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'

const root = join(import.meta.dirname, '..')
const folder = join(root, 'dist', 'consent-app')
const stampFile = join(root, 'dist', 'consent-app.stamp')

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
 * Builds the consent app where its sources have changed since, and resolves with the folder. Other processes
 * may serve or build it meanwhile: the build is made aside and then takes the old one's place.
 */
export async function buildConsentApp({ force = false }: { force?: boolean } = {}): Promise<string> {
  const stamp = await hashOfSources()
  const built = await readFile(stampFile, 'utf8').catch(() => '')
  if (built === stamp && !force) return folder
  console.log('Building the consent app ...')
  const aside = `${folder}.${process.pid}`
  await mkdir(aside, { recursive: true })
  try {
    // In a process of its own: Vite sets NODE_ENV and keeps much memory. Tests have set it to something else, and what they
    // build is what is served afterwards.
    const vite = spawn(process.execPath, [import.meta.filename, aside], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, NODE_ENV: 'production' },
    })
    const [code] = await once(vite, 'exit')
    if (code !== 0) throw new Error('the consent app could not be built')
    await rm(stampFile, { force: true })
    await replaceFolder(aside)
    await writeFile(stampFile, stamp)
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
  return folder
}

async function replaceFolder(aside: string): Promise<void> {
  const old = `${aside}.old`
  await rename(folder, old).catch(() => {})
  await rename(aside, folder)
  await rm(old, { recursive: true, force: true })
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
  if (outDir === undefined) await buildConsentApp({ force: true })
  else await buildInto(outDir)
}

// node scripts/start.mjs <entry.ts> [arguments]: installs what is missing, then runs the entry on the pinned
// Node. Plain JavaScript for the Node 20 that a machine may have. Standard output belongs to the entry alone.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onStop, run } from './child.mjs'
import { install, isInstalled, nodeToUse } from './install.mjs'
import { whenNpmIsGone } from './npm-watch.mjs'

/**
 * What waits for the disk outlives a collection or two, so that V8 would soon place all of its kind among what lives for ever.
 * There it stays as garbage, and keeps what it points to: 1.2 kB a query (docs/bench.md).
 */
const FLAGS = ['--disable-warning=ExperimentalWarning', '--no-allocation-site-pretenuring']

const root = fileURLToPath(new URL('..', import.meta.url))
const [entry, ...args] = process.argv.slice(2)

async function main() {
  if (Number(process.versions.node.split('.')[0]) < 20)
    return fail('Reach needs Node 20.19 or newer to start.')
  if (entry === undefined || !existsSync(join(root, entry)))
    return fail('Usage: node scripts/start.mjs <entry.ts>')
  if (!isInstalled(root)) {
    const problem = await install(root)
    if (problem !== undefined) return fail(problem)
  }
  const path = join(root, 'node_modules', '.bin') + delimiter + process.env.PATH
  return await run(nodeToUse(root), [...FLAGS, join(root, entry), ...args], {
    // The entry gets this long to end in good order before it and all its children are killed.
    graceMs: 10_000,
    options: {
      cwd: process.cwd(),
      // Each start, and that of every program of ours, finds what Node compiled for the one before.
      env: { NODE_COMPILE_CACHE: join(root, 'dist', 'compile-cache'), ...process.env, PATH: path },
      stdio: ['inherit', 'inherit', 'inherit'],
    },
  })
}

function fail(message) {
  console.error(message)
  return 1
}

onStop((code) => process.exit(code))
whenNpmIsGone(() => process.emit('SIGTERM', 'SIGTERM'))
process.exit(await main())

import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { parse } from '@formatjs/icu-messageformat-parser'
import react from '@vitejs/plugin-react'
import { createElement } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'
import { build, defineConfig } from 'vite'
import type { Plugin, Rolldown } from 'vite'
import type * as FirstLookModule from './components/first-look.tsx'

type ModuleGraph = Pick<Rolldown.PluginContext, 'getModuleInfo'>

/**
 * Builds the consent app into dist/consent-app. Every address is relative, so one build serves any mount: the server
 * puts the mount's path into `<base href>` and the nonce of the reply into the `csp-nonce` meta of index.html.
 */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [compiledMessages(), react(), pages(), compressedFiles(), serviceWorker()],
  resolve: {
    // Messages are parsed at build time, so no parser is shipped.
    alias: [
      {
        find: /^@formatjs\/icu-messageformat-parser$/,
        replacement: '@formatjs/icu-messageformat-parser/no-parser.js',
      },
    ],
  },
  json: { namedExports: false },
  build: {
    outDir: '../dist/consent-app',
    emptyOutDir: true,
    target: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    cssCodeSplit: false,
    // What every page starts with lies in few files: many small ones cost a slow network more than their bytes. The other pages are left
    // to the bundler.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            firstFile('begin', 3, (id, graph) => needsOf('begin.ts', graph).has(id)),
            firstFile('libraries', 2, (id, graph) => isLibrary(id) && needsOf('main.tsx', graph).has(id)),
            firstFile('app', 1, (id, graph) => needsOf('main.tsx', graph).has(id)),
          ],
        },
      },
    },
  },
})

const isLibrary = (id: string): boolean => id.includes('/node_modules/')

/** One file of the modules that `holds` says; of several the one with the highest priority takes a module. */
function firstFile(name: string, priority: number, holds: (id: string, graph: ModuleGraph) => boolean) {
  const nameOf = (id: string, graph: ModuleGraph) => (holds(id, graph) ? name : null)
  return { debugName: name, name: nameOf, priority }
}

const needed = new Map<string, ReadonlySet<string>>()

/** The modules that one imports, and those that they import, itself among them. */
function needsOf(entry: string, graph: ModuleGraph): ReadonlySet<string> {
  const known = needed.get(entry)
  if (known !== undefined) return known
  const found = new Set([join(import.meta.dirname, entry)])
  for (const id of found)
    for (const imported of graph.getModuleInfo(id)?.importedIds ?? []) found.add(imported)
  needed.set(entry, found)
  return found
}

/**
 * Writes into the page what is painted before the app is there, and the files that every page begins with, so that they are asked for
 * at once; and beside it the same page for decisions, `consent.html`, with the head of a decision.
 */
function pages(): Plugin {
  return {
    name: 'pages',
    async writeBundle({ dir }, bundle) {
      if (dir === undefined) throw new Error('the build has no folder')
      const file = join(dir, 'index.html')
      const bare = await readFile(file, 'utf8')
      const { FirstLook } = await firstLook()
      const app = Object.values(bundle).find((part) => part.type === 'chunk' && part.name === 'app')
      if (app?.type !== 'chunk') throw new Error('the app has no chunk')
      const links = [...app.imports, app.fileName]
        .filter((name) => !bare.includes(name))
        .map((name) => `    <link rel="modulepreload" fetchpriority="low" crossorigin href="./${name}">\n`)
      const page = (alone: boolean) =>
        bare
          .replace(/^ *<\/head>/m, (end) => `${links.join('')}${end}`)
          .replace('<!-- first look -->', renderToStaticMarkup(createElement(FirstLook, { alone })))
      await writeFile(join(dir, 'consent.html'), page(true))
      await writeFile(file, page(false))
    },
  }
}

/** The component, as this build styles it. */
async function firstLook(): Promise<typeof FirstLookModule> {
  const made = await build({
    configFile: false,
    root: import.meta.dirname,
    logLevel: 'error',
    plugins: [react()],
    ssr: { noExternal: true },
    build: { ssr: 'components/first-look.tsx', write: false },
  })
  const [script] = 'output' in made ? made.output : []
  if (script === undefined) throw new Error('the first look could not be built')
  return import(`data:text/javascript;base64,${Buffer.from(script.code).toString('base64')}`)
}

/** Turns the ICU texts of messages/*.json into the syntax trees that react-intl formats without a parser. */
function compiledMessages(): Plugin {
  return {
    name: 'compiled-messages',
    enforce: 'pre',
    transform(source, id) {
      if (!/\/messages\/[\w-]+\.json$/.test(id)) return null
      const texts: Record<string, string> = JSON.parse(source)
      const compiled = Object.entries(texts).map(([name, text]) => [name, parse(text)])
      return { code: JSON.stringify(Object.fromEntries(compiled)), map: null }
    },
  }
}

/**
 * Beside each text file its brotli form: public bytes are compressed once, at the best level, and replies never are. Made from
 * the written files, since the bundler still changes chunks after the bundle is handed out.
 */
function compressedFiles(): Plugin {
  return {
    name: 'compressed-files',
    async writeBundle({ dir }, bundle) {
      if (dir === undefined) throw new Error('the build has no folder')
      for (const fileName of Object.keys(bundle).filter((name) => /\.(js|css|svg)$/.test(name))) {
        const source = await readFile(join(dir, fileName))
        if (source.length >= 512) await writeFile(join(dir, `${fileName}.br`), brotliCompressSync(source))
      }
    },
  }
}

/**
 * The service worker, told the files of this very build and a version made of them and of itself: whatever changes, browsers
 * find another worker.
 */
function serviceWorker(): Plugin {
  return {
    name: 'service-worker',
    async writeBundle({ dir }, bundle) {
      if (dir === undefined) throw new Error('the build has no folder')
      const files = Object.keys(bundle).filter((name) => /\.(js|css|svg)$/.test(name))
      const source = await readFile(join(import.meta.dirname, 'service-worker.js'), 'utf8')
      const page = await readFile(join(dir, 'index.html'), 'utf8')
      const version = createHash('sha256')
        .update(JSON.stringify([files, source, page]))
        .digest('hex')
      const worker = source
        .replace('__REACH_VERSION__', version.slice(0, 16))
        .replace("'__REACH_FILES__'", files.map((name) => JSON.stringify(name)).join(', '))
      await writeFile(join(dir, 'service-worker.js'), worker)
    },
  }
}

import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { parse } from '@formatjs/icu-messageformat-parser'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import type { Plugin } from 'vite'

/**
 * Builds the consent app into dist/consent-app. Every address is relative, so one build serves any mount: the server
 * puts the mount's path into `<base href>` and the nonce of the reply into the `csp-nonce` meta of index.html.
 */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [compiledMessages(), react(), compressedFiles(), serviceWorker()],
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
  },
})

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

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defineConfig } from 'vite'
import type { Plugin } from 'vite'

/** Builds the page that checks receipts into one file, receipt-checker.html, which loads nothing. */
export default defineConfig({
  root: import.meta.dirname,
  publicDir: false,
  plugins: [oneFile()],
  build: {
    outDir: '../../dist/consent-app',
    emptyOutDir: false,
    target: ['chrome123', 'firefox120', 'safari17.5'],
    lib: {
      entry: join(import.meta.dirname, 'page.ts'),
      formats: ['iife'],
      name: 'checker',
      fileName: 'checker',
    },
    reportCompressedSize: false,
  },
})

/** Puts script and style into the page; its policy names them by their hash and forbids everything else. */
function oneFile(): Plugin {
  return {
    name: 'one-file',
    enforce: 'post',
    async generateBundle(_options, bundle) {
      const template = await readFile(join(import.meta.dirname, 'page.html'), 'utf8')
      const parts = { script: '', style: '' }
      for (const [fileName, part] of Object.entries(bundle)) {
        if (part.type === 'chunk') parts.script += part.code.replaceAll('</script', '<\\/script')
        else if (fileName.endsWith('.css')) parts.style += String(part.source).replaceAll('</', '<\\/')
        delete bundle[fileName]
      }
      const sourceOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
      const policy = `default-src 'none'; script-src ${sourceOf(parts.script)}; style-src ${sourceOf(parts.style)}; base-uri 'none'; form-action 'none'`
      const source = template
        .replace('__POLICY__', () => policy)
        .replace(/<style>\s*__STYLE__\s*<\/style>/, () => `<style>${parts.style}</style>`)
        .replace(/<script>\s*__SCRIPT__\s*<\/script>/, () => `<script>${parts.script}</script>`)
      this.emitFile({ type: 'asset', fileName: 'receipt-checker.html', source })
    },
  }
}

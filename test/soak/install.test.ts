import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'

const home = join(import.meta.dirname, '../..')

/** What runs with the folder in its command line or as its working folder. */
function processesIn(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8')
        return environment.includes(`PWD=${folder}`) || command.includes(folder) ? [command] : []
      } catch {
        return []
      }
    })
}

test('a real first install, killed at any moment, leaves nothing running and the next start works', async () => {
  const root = mkdtempSync(join(tmpdir(), 'reach-install-'))
  try {
    for (const name of ['package.json', 'package-lock.json', '.npmrc', 'scripts'])
      cpSync(join(home, name), join(root, name), { recursive: true })
    writeFileSync(
      join(root, 'main.ts'),
      `const version: string = process.version\nconsole.log('on', version)\n`,
    )
    const outside = Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|NODE_OPTIONS)/i.test(name))
    const env = { ...Object.fromEntries(outside), PWD: root }
    const start = () => spawn('npm', ['start'], { cwd: root, env, detached: true })
    for (const [signal, afterMs] of [
      ['SIGTERM', 1_000],
      ['SIGKILL', 4_000],
      ['SIGTERM', 9_000],
      ['SIGKILL', 16_000],
    ] as const) {
      const npm = start()
      await sleep(afterMs)
      npm.kill(signal)
      await sleep(3_000)
      expect(processesIn(root)).toEqual([])
    }
    const npm = start()
    let said = ''
    npm.stdout.on('data', (part) => (said += String(part)))
    const [code] = await once(npm, 'close')
    expect(code).toBe(0)
    expect(said).toContain(
      `on v${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).optionalDependencies.node}`,
    )
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})

/** `reach audit` over the facts of one consent with 300 releases. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { promisify } from 'node:util'
import { Command, CommanderError } from 'commander'
import { auditCommands } from '../cli/audit.ts'
import { CommandFailed, EXIT } from '../cli/exit.ts'
import { outputTo } from '../cli/output.ts'
import type { Fact } from '../core/domain/facts.ts'
import { programEnvironment } from './program-environment.ts'

const program = join(import.meta.dirname, '../cli/main.ts')
export const start = Date.parse('2026-03-01T00:00:00Z')
export const vendor = 'v'.repeat(22)
export const grant = 'g'.repeat(22)
export const request = 'r'.repeat(22)
export const notice = 'n'.repeat(43)
export const until = start + 90 * 86_400_000
export const items = [{ purpose: 'dpv:CustomerCare', fields: ['diet.allergies', 'profile.name'] }]
export const about = { vendor, grant }
export const reads = 300

/** A consent with 300 releases, so that the openings take two files, and what came before and after. */
export const facts: readonly Fact[] = [
  { type: 'vendor-admitted', time: start, vendor },
  { type: 'requested', time: start + 1, vendor, request, items, until },
  { type: 'granted', time: start + 2, ...about, request, items, until, redeemBy: start + 600_000, notice },
  { type: 'redeemed', time: start + 3, ...about },
  ...Array.from({ length: reads }, (_, i): Fact => ({
    type: 'disclosed',
    time: start + 1_000 * (i + 1),
    ...about,
    purpose: 'dpv:CustomerCare',
    fields: ['profile.name'],
    seq: i + 1,
    until,
    notice,
  })),
  { type: 'withdrawn', time: start + 400_000, ...about },
]

export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Nothing is kept from one run to the next, by those commands that would. */
const forgetting = ([verb]: readonly string[]) => (verb === 'prove' || verb === 'check' ? [] : ['--forget'])

/** As `cli/main.ts` runs it, without a process for each: that the codes reach the shell is a test of its own. */
export async function reachAudit(home: string, ...words: string[]): Promise<Ended> {
  return reachRemembering(home, ...words, ...forgetting(words))
}

/** The same, with what was kept in `home` by the runs before. */
export async function reachRemembering(home: string, ...words: string[]): Promise<Ended> {
  const [out, err] = [new PassThrough(), new PassThrough()]
  const command = new Command('reach')
    .exitOverride()
    .configureOutput({ writeErr: (text) => void err.write(text) })
  auditCommands(command, {
    output: outputTo(out, err),
    stateFolder: join(home, 'state'),
    stopped: () => new Promise(() => undefined),
  })
  const told = (message: string, code: number) => {
    err.write(`${message}\n`)
    return code
  }
  const code = await command.parseAsync(['audit', ...words], { from: 'user' }).then(
    () => 0,
    (error: unknown) => {
      if (error instanceof CommandFailed) return told(error.message, error.exitCode)
      if (error instanceof CommanderError) return EXIT.usage
      throw error
    },
  )
  return { code, out: String(out.read() ?? ''), err: String(err.read() ?? '') }
}

export async function reachProcess(home: string, ...words: string[]): Promise<Ended> {
  const env = { ...programEnvironment, REACH_STATE: join(home, 'state') }
  const command = [program, 'audit', ...words, ...forgetting(words)]
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, command, { env, timeout: 60_000 })
    return { code: 0, out: stdout, err: stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, out: stdout, err: stderr }
  }
}

export const json = ({ out }: Ended): Record<string, unknown> => JSON.parse(out) as Record<string, unknown>

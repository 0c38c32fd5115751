/** The `reach` command. Exit codes: 0 ok, 1 failed, 2 usage, 3 unreachable, 4 finding. */
import { once } from 'node:events'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { ConfigError, readConfig, stateFolder } from '#core/config.ts'
import { DomainError } from '#core/domain/errors.ts'
import { isCode } from '#core/ledger/key-files.ts'
import { LedgerInUse } from '#core/ledger/ledger.ts'
import { CommandFailed, EXIT } from './exit.ts'
import { outputTo } from './output.ts'

// A reader such as head may have enough before all is said: what was asked for is done all the same.
process.stdout.on('error', (error) => {
  if (!isCode(error, 'EPIPE')) throw error
})

const root = join(import.meta.dirname, '..')
const output = outputTo(process.stdout, process.stderr)
const program = new Command('reach')
  .description('run and check a Reach')
  .exitOverride()
  .showHelpAfterError('Say reach --help, or reach <command> --help.')
const settings = () => ({ config: readConfig(process.env, root), now: Date.now })
const operator = { output, settings }
/** Each loads what it needs, which for some is most of Reach: so only the one that is called does. */
const groups: Readonly<Record<string, () => Promise<void>>> = {
  vendor: async () => (await import('./vendor.ts')).vendorCommands(program, operator),
  auditor: async () => (await import('./auditor.ts')).auditorCommands(program, operator),
  customer: async () => (await import('./customer.ts')).customerCommands(program, operator),
  store: async () => (await import('./store.ts')).storeCommands(program, operator),
  log: async () => (await import('./log.ts')).logCommands(program, operator),
  keys: async () => (await import('./keys.ts')).keysCommands(program, operator),
  audit: async () => {
    const parts = { output, stateFolder: stateFolder(process.env), stopped }
    ;(await import('./audit.ts')).auditCommands(program, parts)
  },
  witness: async () =>
    (await import('./witness.ts')).witnessCommand(program, { output, now: Date.now, stopped }),
}

try {
  const [called = ''] = process.argv.slice(2)
  if (Object.hasOwn(groups, called)) await groups[called]?.()
  // Help tells of all, in this order, and so does whoever mistyped one.
  else for (const addTo of Object.values(groups)) await addTo()
  await program.parseAsync()
} catch (error) {
  process.exitCode = await exitCodeOf(error)
}

/** Resolves when the process is asked to end. */
async function stopped(): Promise<void> {
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
}

async function exitCodeOf(error: unknown): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof CommandFailed) return told(error.message, error.exitCode)
  if (error instanceof ConfigError) return told(error.message, EXIT.usage)
  if (error instanceof DomainError) {
    const faults = error.violations.map(({ pointer, detail }) => `\n  ${pointer} ${detail}`)
    return told(error.message + faults.join(''), EXIT.usage)
  }
  if (error instanceof LedgerInUse)
    return told('A Reach runs on this data folder: stop it first.', EXIT.unreachable)
  const { refusalToOpen } = await import('../house.ts')
  const refusal = refusalToOpen(error)
  if (refusal !== undefined) return told(refusal, EXIT.failed)
  throw error
}

function told(message: string, exitCode: number): number {
  output.remark(message)
  return exitCode
}

/** The `reach` command. Exit codes: 0 ok, 1 failed, 2 usage, 3 unreachable, 4 finding. */
import { once } from 'node:events'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { ConfigError, readConfig, stateFolder } from '#core/config.ts'
import { DomainError } from '#core/domain/errors.ts'
import { isCode } from '#core/ledger/key-files.ts'
import { LedgerInUse } from '#core/ledger/ledger.ts'
import { refusalToOpen } from '../house.ts'
import { auditCommands } from './audit.ts'
import { auditorCommands } from './auditor.ts'
import { customerCommands } from './customer.ts'
import { CommandFailed, EXIT } from './exit.ts'
import { keysCommands } from './keys.ts'
import { logCommands } from './log.ts'
import { outputTo } from './output.ts'
import { storeCommands } from './store.ts'
import { vendorCommands } from './vendor.ts'
import { witnessCommand } from './witness.ts'

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
vendorCommands(program, { output, settings })
auditorCommands(program, { output, settings })
customerCommands(program, { output, settings })
storeCommands(program, { output, settings })
logCommands(program, { output, settings })
keysCommands(program, { output, settings })
auditCommands(program, { output, stateFolder: stateFolder(process.env), stopped })
witnessCommand(program, { output, now: Date.now, stopped })

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

/** Resolves when the process is asked to end. */
async function stopped(): Promise<void> {
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof CommandFailed) return told(error.message, error.exitCode)
  if (error instanceof ConfigError) return told(error.message, EXIT.usage)
  if (error instanceof DomainError) {
    const faults = error.violations.map(({ pointer, detail }) => `\n  ${pointer} ${detail}`)
    return told(error.message + faults.join(''), EXIT.usage)
  }
  if (error instanceof LedgerInUse)
    return told('A Reach runs on this data folder: stop it first.', EXIT.unreachable)
  const refusal = refusalToOpen(error)
  if (refusal !== undefined) return told(refusal, EXIT.failed)
  throw error
}

function told(message: string, exitCode: number): number {
  output.remark(message)
  return exitCode
}

/** `reach log`: what the operator does about the log itself. */
import type { Command } from 'commander'
import { CommandFailed, EXIT } from './exit.ts'
import { asOperator, type OperatorSettings } from './operator.ts'
import type { Output } from './output.ts'

const USUAL_OVERLAP_DAYS = '30'

export function logCommands(
  program: Command,
  { output, settings }: { output: Output; settings: () => OperatorSettings },
): void {
  const log = program.command('log').description('change the key of the log, or get a lost log back')
  log
    .command('rotate-key')
    .description('make a new key of the log; the old one signs beside it for a while and vouches for it')
    .option('--overlap <days>', 'how long both sign; 0 when the old key was stolen', USUAL_OVERLAP_DAYS)
    .option('--json', 'print JSON')
    .action(async ({ overlap, json }: { overlap: string; json?: boolean }) => {
      if (!/^(?:0|[1-9]\d{0,2})$/.test(overlap) || Number(overlap) > 400)
        throw new CommandFailed(EXIT.usage, '--overlap must be a number of days, 400 at most')
      const rotated = await asOperator(settings(), (operator) => operator.log.rotateKey(Number(overlap)))
      if (json === true) return output.json(rotated)
      output.line('The log has a new key. Publish it where you published the one before:\n')
      output.line(`  ${rotated.vkey}\n`)
      output.line(
        Number(overlap) === 0
          ? 'The key before signs nothing more.'
          : `Until ${new Date(rotated.until).toISOString()} the key before signs beside it.`,
      )
      output.line('Policies and witnesses that name the key before need a line with the new one by then.')
    })
}

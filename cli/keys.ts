/** `reach keys`: the keys that sign what a vault gives out. */
import { Argument, type Command } from 'commander'
import { signingUses, type SigningUse } from '../vault-server/signing-keys.ts'
import { asOperator, type OperatorSettings } from './operator.ts'
import type { Output } from './output.ts'

export function keysCommands(
  program: Command,
  { output, settings }: { output: Output; settings: () => OperatorSettings },
): void {
  const keys = program.command('keys').description('change the keys that sign tokens and receipts')
  keys
    .command('rotate')
    .addArgument(new Argument('<use>', 'what the key signs').choices(Object.keys(signingUses)))
    .description('make a new key: it is published at once and signs an hour later; the one before stays good')
    .option('--stolen', 'it signs at once, and no token that the one before signed is good any more')
    .option('--json', 'print JSON')
    .action(async (use: SigningUse, { stolen, json }: { stolen?: boolean; json?: boolean }) => {
      const rotated = await asOperator(settings(), (operator) =>
        operator.signingKeys.rotate(use, stolen === true),
      )
      if (json === true) return output.json(rotated)
      output.line(`The key ${rotated.kid} signs from ${new Date(rotated.from).toISOString()} on.`)
      if (stolen === true && use === 'tokens')
        output.line('Restart every gateway now: they keep the keys they know for up to ten minutes.')
    })
}

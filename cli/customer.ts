/** `reach customer`: opaque rows, and forgetting somebody who asked for it in writing. */
import { Option, type Command } from 'commander'
import { parser } from '#core/http/validate.ts'
import type { CustomerRow } from '../vault-server/operator/customers.ts'
import { asOperator, type OperatorSettings } from './operator.ts'
import type { Output } from './output.ts'

interface JsonOption {
  readonly json?: boolean
}

export function customerCommands(
  program: Command,
  { output, settings }: { output: Output; settings: () => OperatorSettings },
): void {
  const customer = program
    .command('customer')
    .description('see customers as opaque rows, and forget one who asked for it in writing')

  customer
    .command('list')
    .description('all customers: opaque ids, since when, and how they stand')
    .option('--json', 'print JSON')
    .action(async ({ json }: JsonOption) => {
      const rows = await asOperator(settings(), ({ customers }) => listAll(customers.list))
      if (json === true) return output.json(rows)
      if (rows.length === 0) output.line('No customer yet.')
      for (const row of rows) output.line(lineOf(row))
    })
  customer
    .command('show')
    .description('one customer, by her account or by the WebID that her letter names')
    .option('--account <id>', 'opaque id of the account')
    .option('--webid <address>', 'her WebID; it is looked up, and kept nowhere')
    .option('--json', 'print JSON')
    .action(async ({ account, webid, json }: JsonOption & { account?: string; webid?: string }) => {
      if ((account === undefined) === (webid === undefined))
        return customer.error('error: name the customer with --account or with --webid')
      const row = await asOperator(settings(), ({ customers }) =>
        webid === undefined ? customers.show(account ?? '') : customers.find(webid),
      )
      if (json === true) return output.json(row)
      output.line(lineOf(row))
    })
  customer
    .command('erase')
    .description('forget a customer for good: all permissions end, and her key is destroyed')
    .requiredOption('--account <id>', 'opaque id of the account')
    .addOption(
      new Option('--reason <why>', 'it stands in the log')
        .choices(['written-request', 'legal-duty'])
        .makeOptionMandatory(),
    )
    .option('--ask-deletion', 'also ask every business that may read now to delete what it holds')
    .option('--json', 'print JSON')
    .action(
      async ({
        account,
        reason,
        askDeletion = false,
        json,
      }: JsonOption & { account: string; reason: string; askDeletion?: boolean }) => {
        const order = parser('api/erase-customer.json')({ cause: reason, askDeletion })
        const begun = await asOperator(settings(), ({ customers }) => customers.erase(account, order))
        if (json === true) return output.json(begun)
        output.line(`Begun as ${begun.erasure}. From here on nothing of hers is released.`)
        output.line('A Reach that runs completes it in a moment, a stopped one at its next start.')
      },
    )
}

async function listAll(
  list: (options?: { after?: string }) => Promise<readonly CustomerRow[]>,
): Promise<CustomerRow[]> {
  const all: CustomerRow[] = []
  for (let page = await list(); page.length > 0;) {
    all.push(...page)
    page = await list({ after: page.at(-1)?.accountId ?? '' })
  }
  return all
}

function lineOf({ accountId, createdAt, state, livePermissions }: CustomerRow): string {
  const since = new Date(createdAt).toISOString()
  return `${accountId}  ${state.padEnd(7)}  since ${since}  ${livePermissions} live permissions`
}

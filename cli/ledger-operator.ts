/** The operator's acts on the ledger itself, while no Reach runs. */
import type { Config } from '#core/config.ts'
import { DomainError } from '#core/domain/errors.ts'
import { createLogger } from '#core/logger.ts'
import { createNames } from '#core/records/names.ts'
import { configUnder, openLedgerAndKeys } from '../house.ts'
import { SANDBOX, sandboxBusinesses } from '../sandbox/businesses.ts'
import { openAuthorizationServer } from '../vault-server/oauth/provider.ts'
import type { SandboxDoor } from '../vault-server/admin.ts'
import { auditorOperator } from '../vault-server/operator/auditors.ts'
import { customerOperator } from '../vault-server/operator/customers.ts'
import { logOperator } from '../vault-server/operator/log.ts'
import { signingKeyOperator } from '../vault-server/operator/signing-keys.ts'
import { vendorOperator } from '../vault-server/operator/vendors.ts'
import type { Act, OperatorSettings } from './operator.ts'

/** Runs one act with the ledger open, and closes it. Throws `LedgerInUse` where a Reach has it. */
export async function onLedger<Result>(settings: OperatorSettings, act: Act<Result>): Promise<Result> {
  await using house = await openHouse(settings, '')
  const addToSandbox: SandboxDoor['add'] = async (business) => {
    const { config, now } = settings
    if (!config.sandbox) throw new DomainError('conflict', 'This Reach has no sandbox: see REACH_SANDBOX.')
    await using sandbox = await openHouse({ config: configUnder(config, SANDBOX), now }, SANDBOX, config)
    const { ledger, keys, operator } = sandbox
    const names = createNames(await keys.secret('names'))
    return await sandboxBusinesses({ ledger, names, operator, now }).add(business)
  }
  // Awaited here: what is returned unawaited would find the ledger closed.
  const names = createNames(await house.keys.secret('names'))
  const { ledger } = house
  const auditors = auditorOperator({ ledger, names, vaultUrl: settings.config.vaultUrl, now: settings.now })
  const customers = customerOperator({ ledger, names, now: settings.now })
  const log = logOperator({ ledger, keys: house.keys, now: settings.now })
  const signingKeys = signingKeyOperator({ ledger, keys: house.keys, now: settings.now })
  return await act({ ...house.operator, addToSandbox, auditors, customers, log, signingKeys })
}

/** The ledger of the house, or of the one under the path `part`, whose log is named after the first one's address. */
async function openHouse({ config, now }: OperatorSettings, part: string, first: Config = config) {
  await using opened = new AsyncDisposableStack()
  const { ledger, keys } = opened.use(await openLedgerAndKeys({ config: first, now, part }))
  const log = createLogger({ level: 'silent' })
  const authorization = await openAuthorizationServer({ config, ledger, keys, now, log })
  const operator = vendorOperator({ ledger, authorization, now, outboundAllow: config.outboundAllow })
  const resources = opened.move()
  return { ledger, keys, operator, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

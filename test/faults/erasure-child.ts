/**
 * A process that forgets a customer and says before each write that it does, to be killed there:
 * node erasure-child.ts <root> <number of the write before which it stops>.
 */
import { writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import type { Ledger } from '#core/ledger/ledger.ts'
import { eraseCustomer } from '#core/records/erasure.ts'
import { createNames } from '#core/records/names.ts'
import { foldersIn, openIn } from '../level-ledger.ts'
import { begin } from '../records-world.ts'

const [root = '', stopAt = ''] = process.argv.slice(2)
const { ledger, keys } = await openIn(foldersIn(root), { now: () => begin })
const [job] = await ledger.list<{ payload: object }>('job-payload/')

let writes = 0
async function step(): Promise<void> {
  if (writes++ < Number(stopAt)) return
  writeSync(1, 'here\n')
  await setTimeout(120_000)
}

const stopping = new Proxy(ledger, {
  get: (target, name: keyof Ledger) =>
    name === 'commit'
      ? async (...parts: Parameters<Ledger['commit']>) => {
          await step()
          return target.commit(...parts)
        }
      : typeof target[name] === 'function'
        ? target[name].bind(target)
        : target[name],
})
const { run } = eraseCustomer({
  ledger: stopping,
  keys: {
    async destroyCustomerKey(account) {
      await step()
      await keys.destroyCustomerKey(account)
      await step()
    },
  },
  names: createNames(await keys.secret('names')),
  now: () => begin,
  endLogin: step,
  removePod: step,
})
await run({ payload: (job?.value.payload ?? {}) as never })
writeSync(1, 'done\n')
await setTimeout(120_000)

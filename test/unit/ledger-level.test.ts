import { ledgerContract } from '../contracts/ledger.ts'
import { ledgerFolders, openIn } from '../level-ledger.ts'

/** Counters are written soon, with each group, and not within a test. */
const waits = { soon: undefined, 'with each group': { raises: 1 }, late: { raises: 65_536 } }

for (const [when, unwritten] of Object.entries(waits))
  ledgerContract(`LevelDB, counters written ${when}`, async (limits) => {
    const folders = await ledgerFolders()
    const clock = { now: 1_795_000_000_000 }
    const open = (): ReturnType<typeof openIn> =>
      openIn(folders, { now: () => clock.now, limits: { ...limits, ...(unwritten && { unwritten }) } })
    let current = await open()
    return {
      clock,
      isAlone: true,
      get ledger() {
        return current.ledger
      },
      get keys() {
        return current.keys
      },
      async reopen() {
        await current.ledger[Symbol.asyncDispose]()
        current = await open()
        return current.ledger
      },
      async [Symbol.asyncDispose]() {
        await current.ledger[Symbol.asyncDispose]()
        await folders[Symbol.asyncDispose]()
      },
    }
  })

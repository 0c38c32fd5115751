import { ledgerContract } from '../contracts/ledger.ts'
import { openReplica, pgPlace } from '../pg-ledger.ts'

ledgerContract('PostgreSQL', async (limits) => {
  const place = await pgPlace()
  const clock = { now: 1_795_000_000_000 }
  const open = (): ReturnType<typeof openReplica> =>
    openReplica(place, { now: () => clock.now, ...(limits && { limits }) })
  let current = await open()
  return {
    clock,
    isAlone: false,
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
      await place[Symbol.asyncDispose]()
    },
  }
})

import { ledgerContract } from '../contracts/ledger.ts'
import { ledgerIn } from '../contracts/ledger-under-test.ts'
import { openReplica, pgPlace } from '../pg-ledger.ts'

ledgerContract('PostgreSQL', async (limits) => {
  const place = await pgPlace()
  return ledgerIn(place, false, (now) => openReplica(place, { now, ...(limits && { limits }) }))
})

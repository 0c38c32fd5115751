import { ledgerContract } from '../contracts/ledger.ts'
import { ledgerIn } from '../contracts/ledger-under-test.ts'
import { ledgerFolders, openIn } from '../level-ledger.ts'

/** Counters are written soon, with each group, and not within a test. */
const waits = { soon: {}, 'with each group': { unwritten: { raises: 1 } }, late: { unwritten: {} } }

for (const [when, wait] of Object.entries(waits))
  ledgerContract(`LevelDB, counters written ${when}`, async (limits) => {
    const folders = await ledgerFolders()
    return ledgerIn(folders, true, (now) => openIn(folders, { now, limits: { ...limits, ...wait } }))
  })

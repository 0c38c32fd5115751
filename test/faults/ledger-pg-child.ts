/** A replica under load, to be killed: node ledger-pg-child.ts <url> <root> <name of the replica> <run>. */
import { openReplica } from '../pg-ledger.ts'
import { load } from './ledger-load.ts'

const [url = '', root = '', name = '', run = ''] = process.argv.slice(2)
const { ledger } = await openReplica({ url, root }, { name, limits: { group: 64 } })
await load(ledger, run)

/** A ledger under load, to be killed: node ledger-child.ts <root> <run> <write buffer>. */
import { ORIGIN, foldersIn, openIn } from '../level-ledger.ts'
import { load } from './ledger-load.ts'

const [root = '', run = '', writeBufferSize = ''] = process.argv.slice(2)
try {
  const { ledger } = await openIn(foldersIn(root), {
    origin: ORIGIN,
    limits: { writeBufferSize: Number(writeBufferSize), group: 64, unwritten: { raises: 300 } },
  })
  await load(ledger, run)
} catch (error) {
  console.error((error as { code?: string }).code)
  process.exitCode = 1
}

/** A ledger that is lost or put back to an earlier copy, and the mirror that somebody made of it. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readFact } from '#core/domain/facts.ts'
import { replay } from '#core/domain/replay.ts'
import { openCheckpoint } from '#core/ledger/checkpoint.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { parseTilePath } from '#core/ledger/tiles.ts'
import { verifyLog } from '#core/ledger/verify.ts'

/** What `reach audit mirror --openings` leaves. */
export async function mirrorInto(folder: string, ledger: Ledger): Promise<string> {
  const put = async (file: string, content: string | Uint8Array) => {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), content)
  }
  const { log } = ledger
  const note = log.checkpoint()
  await put('checkpoint', note)
  await put('vkey', `${log.vkey}\n`)
  await verifyLog({
    vkey: log.vkey,
    async read(file) {
      if (file === 'checkpoint') return Buffer.from(note)
      const tile = parseTilePath(file)
      if (tile === undefined) return undefined
      const { level, index, width } = tile
      const bytes = await (level === 'entries' ? log.bundle(index, width) : log.tile(level, index, width))
      if (bytes) await put(file, bytes)
      if (level !== 'entries') return bytes
      const opened = await ledger.openings(index * 256, width)
      const lines = opened.map(
        ({ index: at, ops, salt }) => `${JSON.stringify({ index: at, facts: ops, salt })}\n`,
      )
      await put(file.replace('tile/entries', 'openings'), lines.join(''))
      return bytes
    },
  })
  return folder
}

/** What a replay of the whole log finds. */
export const replayed = async (ledger: Ledger) => {
  const { size } = openCheckpoint(ledger.log.checkpoint(), ledger.log.vkey)
  const opened = await ledger.openings(0, size)
  if (opened.length !== size) throw new Error('not every entry opens')
  return replay(opened.map(({ index, ops }) => ({ index, fact: readFact(ops) })))
}

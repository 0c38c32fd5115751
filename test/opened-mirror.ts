/** A mirror folder with openings, of a real ledger that holds these facts. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { writeFact } from '../core/domain/facts.ts'
import type { Fact } from '../core/domain/facts.ts'
import { sizeOf } from '../core/ledger/checkpoint.ts'
import { openKeyStore } from '../core/ledger/key-store.ts'
import { openLevelLedger } from '../core/ledger/level-ledger.ts'
import { verifyLog } from '../core/ledger/verify.ts'
import { parseTilePath } from '../core/ledger/tiles.ts'

export interface OpenedMirror extends AsyncDisposable {
  readonly folder: string
  readonly vkey: string
  readonly facts: readonly string[]
  /** Folder of a copy with one file of openings made another. */
  forged(file: string, turn: (text: string) => string): Promise<string>
}

export async function openedMirror(facts: readonly Fact[]): Promise<OpenedMirror> {
  await using opened = new AsyncDisposableStack()
  const home = await mkdtemp(join(tmpdir(), 'reach-test-mirror-'))
  opened.defer(() => rm(home, { recursive: true, force: true }))
  const folder = join(home, 'mirror')
  const keys = await openKeyStore(join(home, 'keys'))
  const lines = facts.map(writeFact)
  await using ledger = await openLevelLedger({
    folder: join(home, 'ledger'),
    keys,
    anchorFile: join(home, 'anchor'),
    origin: 'vault.example/log',
    now: () => facts.at(-1)?.time ?? 0,
  })
  await ledger.commitEach(lines.map((ops) => ({ entries: [{ claims: () => ({ ops }) }] })))
  const { log } = ledger
  const put = async (file: string, content: string | Uint8Array) => {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), content)
  }
  const note = log.checkpoint()
  await put('checkpoint', note)
  await put('vkey', `${log.vkey}\n`)
  await verifyLog({
    vkey: log.vkey,
    async read(file) {
      if (file === 'checkpoint') return Buffer.from(note)
      const tile = parseTilePath(file)
      const bytes =
        tile &&
        (tile.level === 'entries'
          ? await log.bundle(tile.index, tile.width)
          : await log.tile(tile.level, tile.index, tile.width))
      if (bytes !== undefined) await put(file, bytes)
      return bytes
    },
    async onBundle(first, entries) {
      const openings = await ledger.openings(first, entries.length)
      const text = openings.map(({ index, ops, salt }) => JSON.stringify({ index, facts: ops, salt }))
      const name =
        String(first / 256).padStart(3, '0') + (entries.length === 256 ? '' : `.p/${entries.length}`)
      await put(`openings/${name}`, `${text.join('\n')}\n`)
    },
  })
  if (sizeOf(note) !== facts.length) throw new Error('not every fact was logged')
  const resources = opened.move()
  return {
    folder,
    vkey: log.vkey,
    facts: lines,
    async forged(file, turn) {
      const copy = await mkdtemp(join(home, 'forged-'))
      await cp(folder, copy, { recursive: true })
      const name = join(copy, 'openings', file)
      await writeFile(name, turn(await readFile(name, 'utf8')))
      return copy
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

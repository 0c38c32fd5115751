/** A mirror folder with openings, of a real ledger that holds these facts. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeFact } from '../core/domain/facts.ts'
import type { Fact } from '../core/domain/facts.ts'
import { sizeOf } from '../core/ledger/checkpoint.ts'
import { openKeyStore } from '../core/ledger/key-store.ts'
import { openLevelLedger } from '../core/ledger/level-ledger.ts'
import { mirrorInto } from './mirrored-ledger.ts'

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
  await mirrorInto(folder, ledger)
  if (sizeOf(log.checkpoint()) !== facts.length) throw new Error('not every fact was logged')
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

/** The ledger of a house that is lost, or put back to an earlier copy of it. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '#core/config.ts'
import { openKeyStore } from '#core/ledger/key-store.ts'
import { recoverLog } from '#core/ledger/level-recover.ts'
import { createNames } from '#core/records/names.ts'
import type { House } from '../../bench/population.ts'
import { openLogSource } from '../../cli/log-source.ts'
import { openingsIn, proveOpenings } from '../../cli/openings.ts'
import { openLedgerAndKeys, placesOf } from '../../house.ts'

/** What each of its grants allows. */
export const items = [{ id: 'item-1', purpose: 'dpv:DeliveryOfGoods', fields: ['profile.name'] }]

export class LosableLedger implements AsyncDisposable {
  readonly home: string
  readonly settings: { readonly config: ReturnType<typeof readConfig>; readonly now: () => number }
  readonly places: ReturnType<typeof placesOf>

  static async inFolder(): Promise<LosableLedger> {
    return new LosableLedger(await mkdtemp(join(tmpdir(), 'reach-recover-')))
  }

  private constructor(home: string) {
    this.home = home
    this.settings = { config: readConfig({ REACH_PODS_URL: 'off' }, home), now: Date.now }
    this.places = placesOf(this.settings.config, '')
  }

  /** Opens it, and shuts it when `use` is done. `storeUrl`: the database that it is in, if it is in one. */
  async opened<Result>(use: (house: House) => Promise<Result>, storeUrl?: string): Promise<Result> {
    const { config, now } = this.settings
    await using opened = await openLedgerAndKeys({ config: { ...config, storeUrl }, now, part: '' })
    const names = createNames(await opened.keys.secret('names'))
    return await use({ ledger: opened.ledger, names, now })
  }

  async open(): Promise<void> {
    await this.opened(async () => undefined)
  }

  async copy(name = 'copy'): Promise<void> {
    await rm(join(this.home, name), { recursive: true, force: true })
    await cp(this.places.levelFolder, join(this.home, name), { recursive: true })
  }

  async putBack(name = 'copy'): Promise<void> {
    await rm(this.places.levelFolder, { recursive: true })
    await cp(join(this.home, name), this.places.levelFolder, { recursive: true })
  }

  /** The first step of a recovery from this mirror, after which it is broken off. */
  async recoverLog(mirror: string): ReturnType<typeof recoverLog> {
    const source = openLogSource(mirror)
    const openings = openingsIn(source)
    const { levelFolder: folder, keysFolder, levelAnchor: anchorFile, origin } = this.places
    const keys = await openKeyStore(keysFolder)
    return await recoverLog(
      { folder, keys, anchorFile, origin, now: this.settings.now },
      {
        read: source.read,
        async open(first, leaves) {
          const text = (await openings(first / 256, leaves.length)) ?? ''
          return proveOpenings(text, first, leaves).map(({ line, salt, fact }) => ({
            ops: line,
            salt,
            threads: [],
            time: fact.time,
          }))
        },
      },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.home, { recursive: true, force: true })
  }
}

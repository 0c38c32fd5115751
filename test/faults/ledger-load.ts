/** Load on a ledger in a process of its own, to be killed. */
import { writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import type { Ledger } from '#core/ledger/ledger.ts'

/** Commits until something fails, then says what. Prints a line for every commit that was acknowledged, at once. */
export async function load(ledger: Ledger, run: string): Promise<void> {
  let next = 0

  /** Every commit changes a row and a counter; two of three also log it. All of it must be found together. */
  async function commitOne(): Promise<void> {
    const id = `${run}.${next++}`
    const logged = next % 3 !== 0
    const done = await ledger.commit({
      counters: [{ key: `run!${run}` }],
      writes: [
        { key: `row!${id}`, value: { id, logged, filler: 'x'.repeat(next % 400) } },
        ...(next % 5 === 0
          ? [
              { key: `gone!${id}`, value: 1 },
              { key: `gone!${id}`, value: undefined },
            ]
          : []),
        ...(next % 50 === 0 ? [{ key: `own!${id}`, value: id, customer: `acc-${next % 4}` }] : []),
      ],
      entries: logged ? [{ claims: () => ({ ops: JSON.stringify({ id }) }), threads: ['all'] }] : [],
    })
    const [entry] = done.entries
    writeSync(
      1,
      `${JSON.stringify({ id, version: done.version, index: entry?.index, checkpoint: done.checkpoint })}\n`,
    )
  }

  async function writer(): Promise<void> {
    for (;;) {
      await commitOne()
      await setImmediate()
    }
  }

  try {
    await Promise.all(Array.from({ length: 100 }, writer))
  } catch (error) {
    writeSync(2, `${(error as { code?: string }).code}\n`)
    process.exitCode = 1
  }
}

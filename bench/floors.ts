/**
 * `node bench/floors.ts`: the ratios that hold on any machine, however busy, as one line of JSON: of CPU times of this one
 * process, measured in turns, the best of each, so that what else runs weighs little.
 */
import { CoreBench } from './core.ts'
import { ledgerRatios, measureEntries } from './ledger.ts'
import { Samples } from './samples.ts'
import { measureSignatures } from './signatures.ts'

const TURNS = 5
const samples = new Samples()
{
  await using core = await CoreBench.open()
  await core.measure(undefined, 2_000)
  for (let turn = 0; turn < TURNS; turn++) {
    await measureSignatures(samples, 0.1)
    await core.measure(samples, 800)
    measureEntries()
  }
}
const best = (name: string) => samples.best(name).rate
console.log(
  JSON.stringify({
    authenticate: best('authenticate, no HTTP') / best('ES256 verify, DER'),
    core: best('authenticate + release, no HTTP') / best('ES256 verify, DER'),
    entry: ledgerRatios().get('entry-in-256'),
  }),
)

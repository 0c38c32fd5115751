import { beforeEach, expect, test } from 'vitest'
import { createHostCircuit } from '../../core/pods/circuit.ts'
import type { HostCircuit } from '../../core/pods/circuit.ts'
import { PodTrouble } from '../../core/pods/trouble.ts'

const host = 'https://pod.example/'
const refused = () => new PodTrouble('refused', 'The pod server cannot be reached', { wholeHost: true })
const silent = () => new PodTrouble('no-answer', 'The pod does not answer')

let time: number
let circuit: HostCircuit
/** Requests that were really sent and wait for how they end. */
let sent: { answer: (value: string) => void; fail: (error: Error) => void }[]

beforeEach(() => {
  time = 1_000_000
  circuit = createHostCircuit(() => time)
  sent = []
})

const ask = (url = host) =>
  circuit
    .run(url, () => new Promise<string>((answer, fail) => sent.push({ answer, fail })))
    .catch((error: unknown) => (error instanceof PodTrouble ? error.reason : String(error)))
/** Until nothing is left to happen without an answer. */
const settled = () => new Promise((done) => setImmediate(done))

async function broken() {
  const first = ask()
  sent.shift()?.fail(refused())
  expect(await first).toBe('refused')
  expect(await ask()).toBe('refused')
  expect(sent).toHaveLength(0)
}

test('a host that is back is tried by one, and the others follow when that went well', async () => {
  await broken()
  time += 501
  const asked = [ask(), ask(), ask()]
  await settled()
  expect(sent).toHaveLength(1)
  sent[0]?.answer('well')
  await settled()
  expect(sent).toHaveLength(3)
  for (const one of sent) one.answer('well')
  expect(await Promise.all(asked)).toEqual(['well', 'well', 'well'])
})

test('a host that is still down is asked once for all who wait, and left alone for longer', async () => {
  await broken()
  time += 501
  const asked = [ask(), ask(), ask()]
  await settled()
  sent.shift()?.fail(refused())
  expect(await Promise.all(asked)).toEqual(['refused', 'refused', 'refused'])
  time += 501
  expect(await ask()).toBe('refused')
  expect(sent).toHaveLength(0)
  expect(await Promise.race([ask('https://other.example/'), settled().then(() => 'sent')])).toBe('sent')
})

test('nobody waits for the silence of more than one other', async () => {
  await broken()
  time += 501
  const asked = Array.from({ length: 20 }, () => ask())
  await settled()
  sent.shift()?.fail(silent())
  await settled()
  // One after the other they would wait the length of twenty timeouts.
  expect(sent).toHaveLength(19)
  for (const one of sent) one.answer('well')
  expect((await Promise.all(asked)).filter((answer) => answer === 'well')).toHaveLength(19)
})

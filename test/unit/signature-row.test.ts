import { expect, test } from 'vitest'
import { newKey } from '../../bench/business.ts'
import { SignatureRow } from '../../vendor-gateway/tokens/signature-row.ts'
import { verifyKey } from '../../vendor-gateway/tokens/signature.ts'

test('of the checks of one turn each has its own outcome, in order, whatever becomes of the others', async () => {
  const checked: string[] = []
  const row = new SignatureRow((jws) => {
    checked.push(jws)
    if (jws === 'throws') throw new Error(jws)
    return jws === 'rejects' ? Promise.reject(new Error(jws)) : jws === 'good'
  })
  const key = verifyKey('ES256', newKey().privateKey)
  const check = (jws: string) => row.check(jws, 0, key)
  const first = ['good', 'throws', 'forged', 'rejects', 'good'].map(check)
  // Asked for while the row is gone through: for the next turn, and not lost.
  const late = first[0]?.then(() => check('forged'))
  expect(checked).toEqual([])
  const outcomes = await Promise.allSettled(first)
  expect(outcomes.map((one) => (one.status === 'fulfilled' ? one.value : String(one.reason)))).toEqual([
    true,
    'Error: throws',
    false,
    'Error: rejects',
    true,
  ])
  expect(await late).toBe(false)
  expect(checked).toEqual(['good', 'throws', 'forged', 'rejects', 'good', 'forged'])
})

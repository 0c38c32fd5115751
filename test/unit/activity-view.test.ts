import { expect, test } from 'vitest'
import { withdraw } from '#core/domain/grant.ts'
import { LedgerDamaged, type LedgerReader } from '#core/ledger/ledger.ts'
import { grantHistory } from '#core/records/histories.ts'
import { activityViewer } from '../../vault-server/customer/activity-view.ts'
import { openRecordsWorld } from '../records-world.ts'

test('what happened under a grant whose row is damaged is shown all the same', async () => {
  await using world = await openRecordsWorld()
  const [account, vendor] = [await world.customer(), await world.business()]
  const { value } = await world.grant(account, vendor)
  const stored = await world.reread(value.grantId)
  await world.turn(stored, withdraw(stored.value, world.now()), 'withdrawn')
  const { ledger } = world
  const reader = {
    get: (key: string) =>
      key.startsWith('grant/') ? Promise.reject(new LedgerDamaged('a row is damaged')) : ledger.get(key),
  } as LedgerReader
  const shown = await activityViewer(reader, 'en')(await grantHistory(ledger, value.grantId))
  expect(shown.map(({ type }) => type)).toContain('withdrawn')
})

import { expect, test } from 'vitest'
import { Turns } from '../../vendor-gateway/turns.ts'

test('a batch whose reader leaves while it waits is not worked on, and keeps nobody waiting', async () => {
  const turns = new Turns()
  const [first, reader] = [Promise.withResolvers<string>(), Promise.withResolvers<void>()]
  let released = 0
  const running = turns.run('shop', 512, () => first.promise)
  const waiting = turns.run('shop', 100, async () => released++, reader.promise)
  const behind = turns.run('shop', 512, async () => 'served')
  reader.resolve()
  first.resolve('done')
  await expect(waiting).rejects.toMatchObject({ code: 'busy' })
  expect(await Promise.all([running, behind])).toEqual(['done', 'served'])
  expect(released).toBe(0)
})

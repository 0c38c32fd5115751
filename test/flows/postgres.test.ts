import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkEverything } from '../check-everything.ts'
import { postgres } from '../postgres.ts'
import { programEnvironment } from '../program-environment.ts'
import { Story } from '../story.ts'
import type { World } from '../world.ts'

const root = join(import.meta.dirname, '../..')

/** `reach store copy` as an operator gives it. */
async function copy(
  { config }: World,
  from: string,
  to: string,
): Promise<{ code: number | null; said: string }> {
  const words = ['store', 'copy', '--from', from, '--to', to]
  const child = spawn(process.execPath, [join(root, 'cli/main.ts'), ...words], {
    env: {
      ...programEnvironment,
      REACH_VAULT_URL: config.vaultUrl,
      REACH_GATEWAY_URL: config.gatewayUrl,
      REACH_DATA: config.dataFolder,
      REACH_KEYS: config.keysFolder,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => (said += bytes.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, said }
}

const name =
  'the house on PostgreSQL: a decision, a read, a withdrawal, all of it there after it moved there, and back'

test(name, { timeout: 600_000 }, async () => {
  await using story = await Story.open({ ownPods: true })
  const { world } = story
  const customer = await story.customer()
  const kept = await story.allow(customer, await story.shop())
  const ended = await story.allow(customer, await story.shop())
  for (const relation of [kept, ended])
    expect(await story.read(relation, { token: relation.tokens.accessToken })).toMatchObject({ status: 200 })
  const statuses = async (): Promise<number[]> => {
    const tokens = [kept, ended].map((relation) =>
      story.read(relation, { token: relation.tokens.accessToken }),
    )
    return (await Promise.all(tokens)).map(({ status }) => status)
  }
  const storeUrl = await (await postgres()).database()
  const running = await copy(world, 'level', storeUrl)
  expect(running).toMatchObject({ code: 3, said: expect.stringContaining('A Reach runs') })
  await world.restart(async () => {
    const moved = await copy(world, 'level', storeUrl)
    expect(moved).toMatchObject({ code: 0, said: expect.stringContaining('The ledger has moved') })
    return { storeUrl }
  })
  expect(await statuses()).toEqual([200, 200])
  expect(await story.act(customer, ended, 'withdraw')).toMatchObject({ state: 'withdrawn' })
  expect(await statuses()).toEqual([200, 404])

  const { dataFolder } = world.config
  await world.restart(async () => {
    const refused = await copy(world, storeUrl, 'level')
    expect(refused).toMatchObject({ code: 1, said: expect.stringContaining('not empty') })
    await rename(join(dataFolder, 'ledger'), join(dataFolder, 'ledger-before'))
    expect(await copy(world, storeUrl, 'level')).toMatchObject({ code: 0 })
    return { storeUrl: undefined }
  })
  expect(await statuses()).toEqual([200, 404])
  await checkEverything(story)
})

import { expect, test } from 'vitest'
import { checkEverything } from '../check-everything.ts'
import { postgres } from '../postgres.ts'
import { Story } from '../story.ts'

const name = 'the house on PostgreSQL: a decision, a read, a withdrawal, all of it there after a restart'

test(name, { timeout: 300_000 }, async () => {
  await using story = await Story.open({ store: await (await postgres()).database() })
  const customer = await story.customer()
  const kept = await story.allow(customer, await story.shop())
  const ended = await story.allow(customer, await story.shop())
  for (const relation of [kept, ended])
    expect(await story.read(relation, { token: relation.tokens.accessToken })).toMatchObject({ status: 200 })
  expect(await story.act(customer, ended, 'withdraw')).toMatchObject({ state: 'withdrawn' })
  const statuses = async (): Promise<number[]> => {
    const tokens = [kept, ended].map((relation) =>
      story.read(relation, { token: relation.tokens.accessToken }),
    )
    return (await Promise.all(tokens)).map(({ status }) => status)
  }
  expect(await statuses()).toEqual([200, 404])
  await story.world.restart()
  expect(await statuses()).toEqual([200, 404])
  await checkEverything(story)
})

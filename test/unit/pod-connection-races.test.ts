/** What may change between the proof that a pod is somebody's and the commit that says so. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { PodFetch } from '../../core/pods/pod.ts'
import { loseAccess } from '../../core/records/access.ts'
import {
  changeAccount,
  createAccount,
  readAccount,
  readCustomerStanding,
} from '../../core/records/accounts.ts'
import { CommitRefused } from '../../core/ledger/ledger.ts'
import type { Ledger } from '../../core/ledger/ledger.ts'
import { listLostPods } from '../../core/records/lost-pods.ts'
import { combine, unchanged } from '../../core/records/parts.ts'
import { connect } from '../../vault-server/customer/pod-connection.ts'
import type { PodConnectionParts } from '../../vault-server/customer/pod-connection.ts'
import { lookAtLostPods } from '../../vault-server/customer/pod-watch.ts'
import type { Account } from '../../schemas/types.gen.ts'
import { anId, must, openRecordsWorld } from '../records-world.ts'
import type { RecordsWorld } from '../records-world.ts'

/** A pod server at which everything is as it should be once it was connected. */
const asOwner: PodFetch = async (url, init) => {
  if (init?.method === 'PUT') return new Response(null, { status: 201 })
  if (url.endsWith('.acl')) return new Response(null, { status: 404 })
  return new Response(null, { headers: { link: `<${url}.acl>; rel="acl"` } })
}
const asAgent: PodFetch = async (url, init) => {
  const isInside = url.includes('/vrm/')
  if (init?.method === 'PUT')
    return new Response(null, { status: url.includes('/vrm/receipts/') ? 412 : 403 })
  return new Response(null, { status: isInside && !url.endsWith('.acl') ? 200 : 403 })
}
const asAnyone: PodFetch = async () => new Response(null, { status: 401 })

describe('while a pod is being connected', () => {
  let world: RecordsWorld
  let account: Account

  beforeEach(async () => {
    world = await openRecordsWorld()
    const accountId = anId()
    const podUrl = 'https://pods.example/mallory/'
    account = {
      v: 1,
      accountId,
      webId: `${podUrl}profile/card#me`,
      issuer: 'https://pods.example/',
      podUrl,
      container: `${podUrl}vrm/`,
      createdAt: world.now(),
    }
    await world.ledger.commit(createAccount(world.names, account))
    return () => world[Symbol.asyncDispose]()
  })

  function parts(ledger: Ledger = world.ledger): PodConnectionParts {
    const agent = { webId: 'https://reach.example/agent/card#me', fetch: asAgent }
    return { ledger, pods: { agent, anyone: asAnyone }, now: world.now } as unknown as PodConnectionParts
  }
  const standing = () => must(readCustomerStanding(world.ledger, account.accountId))
  /** The customer's session, which is asked for in the middle of connecting. */
  const meanwhile = (act: () => Promise<unknown>) => async () => {
    await act()
    return asOwner
  }

  test('another folder that is chosen meanwhile is not connected: it was proven to be nobody’s', async () => {
    const choose = async () => {
      const stored = await must(readAccount(world.ledger, account.accountId))
      const container = 'https://pods.example/victim/vrm/'
      await world.ledger.commit(
        combine({ checks: [unchanged(await standing())] }, changeAccount(stored, { container })),
      )
    }
    await expect(connect(parts(), account, meanwhile(choose))).rejects.toBeInstanceOf(CommitRefused)
    expect((await standing()).value.podAccess).toBe('none')
  })

  test('whoever looks at lost pods may see first that it is open again', async () => {
    await connect(parts(), account, async () => asOwner)
    await world.ledger.commit((await loseAccess(world.ledger, account.accountId)) ?? {})
    let seen: string | undefined
    const look = async () => {
      await lookAtLostPods(parts())
      seen = (await standing()).value.podAccess
    }
    expect(await connect(parts(), account, meanwhile(look))).toMatchObject({ ok: true })
    expect(seen).toBe('open')
    expect((await standing()).value.podAccess).toBe('open')
    expect(await world.story(account.accountId)).toHaveLength(2)
  })

  test('one customer whose rows cannot be read holds up nobody else', async () => {
    const others = await Promise.all(Array.from({ length: 9 }, () => world.customer()))
    for (const { accountId } of others)
      await world.ledger.commit((await loseAccess(world.ledger, accountId)) ?? {})
    const [first] = (await listLostPods(world.ledger, world.now(), 10)).map(({ value }) => value.accountId)
    const ledger = new Proxy(world.ledger, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name)
        if (name !== 'get') return typeof member === 'function' ? member.bind(target) : member
        return async (key: string) => {
          if (key === `account/${first}`) throw new Error('rotten')
          return await target.get(key)
        }
      },
    })
    await expect(lookAtLostPods(parts(ledger))).rejects.toThrow('rotten')
    for (const { accountId } of others) {
      const { value } = await must(readCustomerStanding(world.ledger, accountId))
      expect(value.podAccess).toBe(accountId === first ? 'lost' : 'open')
    }
  })

  test('what is shut in Reach while a lost pod is looked at stays shut', async () => {
    await connect(parts(), account, async () => asOwner)
    await world.ledger.commit((await loseAccess(world.ledger, account.accountId)) ?? {})
    const { key } = await standing()
    let asked = 0
    // The customer shuts Reach out just after it was asked how things stand.
    const ledger = new Proxy(world.ledger, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name)
        if (name !== 'get') return typeof member === 'function' ? member.bind(target) : member
        return async (wanted: string) => {
          const found = await target.get(wanted)
          if (wanted === key && ++asked === 1)
            await target.commit((await loseAccess(target, account.accountId, { closedHere: true })) ?? {})
          return found
        }
      },
    })
    await lookAtLostPods(parts(ledger))
    expect((await standing()).value).toMatchObject({ podAccess: 'lost', closedHere: true })
  })
})

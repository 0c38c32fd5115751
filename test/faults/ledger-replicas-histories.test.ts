import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { LedgerDamaged, LedgerStopped } from '#core/ledger/ledger.ts'
import { openPgStore, partsIn } from '#core/ledger/pg-copy.ts'
import { AlreadyEnrolled } from '#core/ledger/pg-enrol.ts'
import { entry, sizeOf } from '../contracts/ledger-under-test.ts'
import { letIn, openReplica, pgPlace } from '../pg-ledger.ts'
import { postgres } from '../postgres.ts'

describe('a database that is not the one a replica knows', () => {
  test('a database that refuses, or has no such user, is told of in its own words', async () => {
    await using place = await pgPlace()
    const user = `${new URL(place.url).pathname.slice(1)}_reader`
    const theirs = { ...place, url: place.url.replace('reach@', `${user}@`) }
    const opened = () => [
      openReplica(theirs),
      letIn(theirs, 'b'),
      openPgStore({ ...theirs, part: '', anchorFile: join(place.root, 'none') }),
      partsIn(theirs.url),
    ]
    for (const one of await Promise.allSettled(opened()))
      expect(one).toMatchObject({
        reason: {
          code: 'ledger-busy',
          message: `the database cannot be reached: role "${user}" does not exist`,
        },
      })
    await (await postgres()).query(`create role ${user} login`)
    for (const one of await Promise.allSettled(opened()))
      expect(one).toMatchObject({
        reason: {
          code: 'ledger-stopped',
          message: 'the database refuses: permission denied for schema public',
        },
      })
  })

  test('a database put back to an earlier copy is refused, by a replica that opens and by one that runs', async () => {
    await using place = await pgPlace()
    const server = await postgres()
    const database = new URL(place.url).pathname.slice(1)
    const copy = { ...place, url: place.url.replace(database, `${database}_copy`) }
    {
      await using ledger = (await openReplica(place)).ledger
      await ledger.commit({ entries: [entry('{"a":1}')] })
    }
    await server.query(`create database ${database}_copy template ${database}`)
    {
      await using ledger = (await openReplica(place)).ledger
      await ledger.commit({ entries: [entry('{"a":2}')] })
      await ledger.commit({ writes: [{ key: 'a', value: 2 }] })
    }
    await expect(openReplica(copy)).rejects.toBeInstanceOf(LedgerDamaged)
    // Grown past the anchor, but another way.
    await letIn(copy, 'other')
    await using other = (await openReplica(copy, { name: 'other' })).ledger
    for (let i = 0; i < 4; i++) await other.commit({ entries: [entry('{"b":1}')] })
    await expect(openReplica(copy)).rejects.toBeInstanceOf(LedgerDamaged)

    await using running = (await openReplica(place)).ledger
    const swap = `where datname in ('${database}', '${database}_copy')`
    await other[Symbol.asyncDispose]()
    await server.query(`alter database ${database} allow_connections false`)
    await server.query(`select pg_terminate_backend(pid) from pg_stat_activity ${swap}`)
    await server.query(`alter database ${database} rename to ${database}_old`)
    await server.query(`alter database ${database}_copy rename to ${database}`)
    await expect(running.commit({ entries: [entry('{"a":3}')] })).rejects.toBeInstanceOf(LedgerStopped)
    expect(running.stopped?.cause).toBeInstanceOf(LedgerDamaged)
  })

  test('another history that is just as long stops a replica that runs', async () => {
    await using place = await pgPlace()
    const server = await postgres()
    const database = new URL(place.url).pathname.slice(1)
    const standby = { ...place, url: place.url.replace(database, `${database}_standby`) }
    await (await openReplica(place)).ledger[Symbol.asyncDispose]()
    await letIn(place, 'b')
    await server.query(`create database ${database}_standby template ${database}`)
    await using running = (await openReplica(place)).ledger
    await running.commit({ entries: [entry('{"a":1}')] })
    // A server that had not heard of it takes over, and another replica, which had not either, is first to write there.
    await server.query(`alter database ${database} allow_connections false`)
    await server.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`)
    {
      await using other = (await openReplica(standby, { name: 'b' })).ledger
      await other.commit({ entries: [entry('{"b":1}')] })
    }
    await server.query(`alter database ${database} rename to ${database}_lost`)
    await server.query(`alter database ${database}_standby rename to ${database}`)
    await expect(running.commit({ entries: [entry('{"a":2}')] })).rejects.toBeInstanceOf(LedgerStopped)
    expect(running.stopped?.cause).toBeInstanceOf(LedgerDamaged)
    await using whole = (await openReplica(place, { name: 'b' })).ledger
    expect(sizeOf(whole)).toBe(1)
  })

  test('a replica without an anchor is let in by an operator only', async () => {
    await using place = await pgPlace()
    await using ledger = (await openReplica(place)).ledger
    await ledger.commit({ entries: [entry('{}')] })
    await expect(openReplica(place, { name: 'b' })).rejects.toBeInstanceOf(LedgerDamaged)
    await letIn(place, 'b', ledger.log.checkpoint())
    await using joined = (await openReplica(place, { name: 'b' })).ledger
    expect(sizeOf(joined)).toBe(1)
    await expect(letIn(place, 'b')).rejects.toBeInstanceOf(AlreadyEnrolled)
  })

  test('whoever is let in on a checkpoint is not shown a database that was put back, or emptied', async () => {
    await using place = await pgPlace()
    const server = await postgres()
    await using ledger = (await openReplica(place)).ledger
    const early = (await ledger.commit({ entries: [entry('{"a":1}')] })).checkpoint
    await ledger[Symbol.asyncDispose]()
    const database = new URL(place.url).pathname.slice(1)
    const old = { ...place, url: place.url.replace(database, `${database}_old`) }
    await server.query(`create database ${database}_old template ${database}`)
    await using grown = (await openReplica(place)).ledger
    const { checkpoint } = await grown.commit({ entries: [entry('{"a":2}')] })
    const empty = { ...place, url: await server.database() }

    for (const [where, name] of [
      [old, 'b'],
      [empty, 'c'],
    ] as const) {
      await expect(letIn(where, name, checkpoint)).rejects.toBeInstanceOf(LedgerDamaged)
      await expect(openReplica(where, { name })).rejects.toThrow('reach store enrol')
    }
    await letIn(place, 'd', early)
    await using joined = (await openReplica(place, { name: 'd' })).ledger
    expect(joined.log.checkpoint()).toBe(checkpoint)
    await expect(openReplica(old, { name: 'd' })).rejects.toBeInstanceOf(LedgerDamaged)
    // Said by the operator, and by nobody else: the ledger begins anew.
    await letIn(empty, 'c')
    await using anew = (await openReplica(empty, { name: 'c' })).ledger
    expect(sizeOf(anew)).toBe(0)
  })
})

import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CustomerErased } from '#core/ledger/customer-keys.ts'
import { KeysDamaged } from '#core/ledger/key-files.ts'
import { openKeyStore, type KeyStore } from '#core/ledger/key-store.ts'

let folder: string
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'reach-keys-')), 'keys')
})
afterEach(() => rm(join(folder, '..'), { recursive: true }))

async function filesIn(path: string): Promise<string[]> {
  const found = await readdir(path, { recursive: true, withFileTypes: true })
  return found.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
}

const NOW = { time: 1_795_000_000_000, seals: 0 }

describe('the key store', () => {
  test('keeps what it made, in private files', async () => {
    await mkdir(folder, { mode: 0o755 })
    const first = await openKeyStore(folder)
    await first.renew(NOW)
    const made = {
      log: first.logKey.export({ format: 'jwk' }),
      data: first.current('data'),
      ops: first.current('ops'),
      customer: await first.customerKey('acc-1'),
      secret: await first.secret('pairwise'),
      long: await first.secret('cookies', 64),
      document: await first.document('jwks', () => ({ keys: [{ kty: 'EC', d: 'x' }] })),
    }
    expect(made.secret).toHaveLength(32)
    expect(made.long).toHaveLength(64)
    const again = await openKeyStore(folder)
    expect({
      log: again.logKey.export({ format: 'jwk' }),
      data: again.current('data'),
      ops: again.current('ops'),
      customer: again.customerKeyNamed(made.customer.name),
      secret: await again.secret('pairwise'),
      long: await again.secret('cookies', 64),
      document: await again.document('jwks', () => ({ keys: [] })),
    }).toEqual(made)
    for (const file of await filesIn(folder)) expect((await stat(file)).mode & 0o777, file).toBe(0o600)
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
      if (entry.isDirectory())
        expect((await stat(join(entry.parentPath, entry.name))).mode & 0o777).toBe(0o700)
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    expect((await filesIn(folder)).filter((file) => file.includes('.new-'))).toEqual([])
  })

  test('tightens a folder that others could read', async () => {
    await openKeyStore(folder)
    await chmod(folder, 0o755)
    await openKeyStore(folder)
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
  })

  test('of many who create at once all get the same, also from several stores', async () => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => openKeyStore(folder)))
    await Promise.all(stores.map((store) => store.renew(NOW)))
    const same = async (make: (store: (typeof stores)[number]) => unknown): Promise<void> => {
      const made = await Promise.all([...stores, ...stores].map(make))
      for (const one of made) expect(one).toEqual(made[0])
    }
    await same((store) => store.logKey.export({ format: 'jwk' }))
    await same((store) => store.current('ops'))
    await same((store) => store.customerKey('acc-1'))
    await same((store) => store.secret('s'))
    await same((store) => store.document('d', () => ({ random: Math.random() })))
  })

  test('rotates sealing keys by period and by use; old ones stay readable', async () => {
    const store = await openKeyStore(folder, { period: 1000, maxSeals: 10 })
    expect(() => store.current('data')).toThrow(KeysDamaged)
    expect(store.isDue(NOW)).toBe(true)
    await store.renew(NOW)
    const first = { data: store.current('data'), ops: store.current('ops') }
    expect(store.isDue({ time: NOW.time + 999, seals: 9 })).toBe(false)
    await store.renew({ time: NOW.time + 999, seals: 9 })
    expect(store.current('ops')).toEqual(first.ops)
    for (const progress of [
      { time: NOW.time + 1000, seals: 9 },
      { time: NOW.time + 1000, seals: 19 },
    ]) {
      const before = store.current('ops')
      expect(store.isDue(progress)).toBe(true)
      await store.renew(progress)
      expect(store.current('ops').name).not.toBe(before.name)
      expect(store.current('ops').key.equals(before.key)).toBe(false)
      expect(store.current('ops').secret).not.toBe(before.secret)
    }
    const again = await openKeyStore(folder)
    expect(again.named('ops', first.ops.name)).toEqual(first.ops)
    expect(again.named('data', first.data.name)).toEqual(first.data)
    expect(again.current('ops').name).toBe('o3')
    expect(() => again.named('ops', 'o4')).toThrow(KeysDamaged)
    expect(() => again.named('ops', first.data.name)).toThrow(KeysDamaged)
  })

  test('a lost or damaged key file is an error', async () => {
    const store = await openKeyStore(folder)
    await store.renew(NOW)
    const { name } = await store.customerKey('acc-1')
    await store.secret('s')
    for (const file of await filesIn(folder)) {
      const bytes = await readFile(file)
      if (bytes.length === 0) continue
      for (const at of [0, 20, bytes.length >> 1, bytes.length - 1]) {
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ 1
        await writeFile(file, changed)
        const use = async (): Promise<void> => {
          const opened = await openKeyStore(folder)
          await opened.secret('s')
          opened.customerKeyNamed(name)
        }
        await expect(use(), `byte ${at} of ${file}`).rejects.toBeInstanceOf(KeysDamaged)
      }
      await writeFile(file, bytes)
    }
    await store.renew({ ...NOW, time: NOW.time * 2 })
    await rm(join(folder, 'data', 'd1.json'))
    await expect(openKeyStore(folder)).rejects.toBeInstanceOf(KeysDamaged)
  })

  test('makes nothing a second time that was lost, and names it', async () => {
    const use = async (): Promise<void> => {
      const opened = await openKeyStore(folder)
      await opened.renew(NOW)
      await opened.secret('names')
      await opened.document('receipts', () => ({ kty: 'EC' }))
    }
    await use()
    const running = await openKeyStore(folder)
    await running.rotateLogKey({ origin: 'reach.test/log', until: NOW.time })
    for (const file of [
      'log.json',
      'log-2.json',
      'data/d1.json',
      'ops/o1.json',
      'secrets/names.json',
      'documents/receipts.json',
    ]) {
      const bytes = await readFile(join(folder, file))
      await rm(join(folder, file))
      await expect(use(), file).rejects.toThrow(`the key file ${file} is missing`)
      await expect(stat(join(folder, file)), file).rejects.toThrow('ENOENT')
      await writeFile(join(folder, file), bytes)
      await use()
    }
    await rm(join(folder, 'secrets/names.json'))
    await expect(running.secret('names')).rejects.toThrow('the key file secrets/names.json is missing')
  })

  test('of an earlier version knows from its first opening on what it had', async () => {
    await (await openKeyStore(folder)).secret('names')
    await rm(join(folder, 'made'), { recursive: true })
    await openKeyStore(folder)
    await rm(join(folder, 'secrets/names.json'))
    await expect(openKeyStore(folder)).rejects.toThrow('the key file secrets/names.json is missing')
  })

  test('takes no name or account that could leave its folder', async () => {
    const store = await openKeyStore(folder)
    for (const name of ['', '../x', 'A', 'a/b', 'a.b', 'x'.repeat(65)]) {
      await expect(store.secret(name)).rejects.toThrow(TypeError)
      await expect(store.document(name, () => 1)).rejects.toThrow(TypeError)
    }
    for (const account of ['', '..', 'a/b', 'a.b', 'a b', 'x'.repeat(129)]) {
      await expect(store.customerKey(account)).rejects.toThrow(TypeError)
      expect(() => store.destroyCustomerKey(account)).toThrow(TypeError)
    }
  })
})

describe("a customer's key", () => {
  test('once destroyed is gone from the disk, known as destroyed, and never comes back', async () => {
    const store = await openKeyStore(folder)
    const [alice, bob] = [await store.customerKey('alice'), await store.customerKey('bob')]
    await store.destroyCustomerKey('alice')
    await store.destroyCustomerKey('alice')
    await store.destroyCustomerKey('nobody')
    for (const opened of [store, await openKeyStore(folder)]) {
      expect(opened.isErased(alice.name)).toBe(true)
      expect(opened.customerKeyNamed(alice.name)).toBeUndefined()
      expect(opened.customerKeyNamed(bob.name)).toEqual(bob)
      expect(opened.isErased(bob.name)).toBe(false)
    }
    for (const file of await filesIn(folder))
      expect(await readFile(file, 'utf8')).not.toContain(alice.key.export().toString('base64url'))
    for (const opened of [store, await openKeyStore(folder)])
      await expect(opened.customerKey('alice')).rejects.toBeInstanceOf(CustomerErased)
    expect((await filesIn(folder)).filter((file) => file.includes('alice'))).toEqual([])
  })

  test('that is missing without having been destroyed is an error, not an erasure', async () => {
    const store = await openKeyStore(folder)
    const { name } = await store.customerKey('alice')
    for (const file of await filesIn(join(folder, 'customers'))) await rm(file)
    expect(() => store.isErased(name)).not.toThrow()
    const reopened = await openKeyStore(folder)
    expect(() => reopened.customerKeyNamed(name)).toThrow(KeysDamaged)
  })

  test('is finished off when a crash came between its grave and its end', async () => {
    const store = await openKeyStore(folder)
    const { name } = await store.customerKey('alice')
    const [file = ''] = await filesIn(join(folder, 'customers'))
    const bytes = await readFile(file)
    await store.destroyCustomerKey('alice')
    await writeFile(file, bytes)
    const reopened = await openKeyStore(folder)
    expect(reopened.customerKeyNamed(name)).toBeUndefined()
    await expect(reopened.customerKey('alice')).rejects.toBeInstanceOf(CustomerErased)
    await reopened.destroyCustomerKey('alice')
    expect(await filesIn(join(folder, 'customers'))).toEqual([])
  })

  test('creation and destruction of one account take turns', async () => {
    const store = await openKeyStore(folder)
    const outcomes = await Promise.allSettled(
      Array.from({ length: 30 }, (_, i) =>
        i % 3 === 2 ? store.destroyCustomerKey('alice') : store.customerKey('alice'),
      ),
    )
    expect(outcomes.slice(0, 3).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(CustomerErased)
    await store.destroyCustomerKey('alice')
    expect(await filesIn(join(folder, 'customers'))).toEqual([])
  })

  test('never outlives its customer, whatever two processes do at the same instant', async () => {
    const stores = [await openKeyStore(folder), await openKeyStore(folder), await openKeyStore(folder)]
    const [one, other, third] = stores as [KeyStore, KeyStore, KeyStore]
    for (let i = 0; i < 60; i++) {
      const account = `acc-${i}`
      if (i % 3 === 0) await one.customerKey(account)
      const made = await Promise.allSettled([
        one.customerKey(account),
        other.destroyCustomerKey(account),
        third.customerKey(account),
        ...(i % 2 === 0 ? [one.destroyCustomerKey(account)] : []),
      ])
      for (const outcome of made)
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(CustomerErased)
      for (const store of stores) {
        await store.refresh()
        await expect(store.customerKey(account)).rejects.toBeInstanceOf(CustomerErased)
        for (const outcome of made)
          if (outcome.status === 'fulfilled' && outcome.value)
            expect(store.customerKeyNamed(outcome.value.name)).toBeUndefined()
      }
    }
    expect(await filesIn(join(folder, 'customers'))).toEqual([])
  })
})

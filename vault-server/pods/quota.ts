/**
 * A limit for each embedded pod, in the pod server's own process. The Community Solid Server has one as well, which walks the
 * whole pod for every piece of a body and is of no use to us; this one weighs a document when it is written whole and not
 * yet in its place, so that a refusal leaves the old version as it was and nothing half written. Reaches into version
 * 7.2.0, which is pinned.
 */
import { AtomicFileDataAccessor, HttpError } from '@solid/community-server'
import type { ResourceIdentifier } from '@solid/community-server'
import { AsyncLocalStorage } from 'node:async_hooks'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What the smallest file takes on the disk, and a folder. */
const BLOCK = 4096
/** Rules of access beyond the limit: whoever is full must still be able to shut somebody out. */
const RESERVE = 1024 * 1024
/** A pod is counted at most so often; in between what was written since is added up. */
const COUNT_EVERY_MS = 5_000

interface Counted {
  /** An upper bound: what was deleted or replaced since the count is still in it. */
  bytes: number
  at: number
}

type Accessor = {
  [Method in 'writeDocument' | 'writeDataFile' | 'writeContainer']: (...args: never[]) => Promise<void>
} & {
  resourceMapper: {
    mapUrlToFilePath(id: ResourceIdentifier, isMetadata: boolean): Promise<{ filePath: string }>
  }
  tempFilePath: string
}

/** From now on a pod of this server takes no more than so many bytes; `root` is the folder of the pods. */
export function limitPods({
  baseUrl,
  root,
  bytes,
  now,
}: {
  baseUrl: string
  root: string
  bytes: number
  /** Ms by any clock. */
  now: () => number
}): void {
  const prototype = AtomicFileDataAccessor.prototype as unknown as Accessor
  const writing = new AsyncLocalStorage<string>()
  const pods = new Map<string, Counted>()

  /** `undefined` for what belongs to the server. */
  function podOf(url: string): string | undefined {
    const [name = ''] = url.slice(baseUrl.length).split('/')
    return name === '' || name.startsWith('.') ? undefined : name
  }

  async function take(url: string, size: number, replaced: number): Promise<void> {
    const pod = podOf(url)
    if (pod === undefined || size <= replaced) return
    const limit = /\.(?:acl|acr)$/.test(url) ? bytes + RESERVE : bytes
    let counted = pods.get(pod)
    if (counted === undefined || (counted.bytes + size > limit && now() - counted.at > COUNT_EVERY_MS)) {
      counted = { bytes: await sizeOf(join(root, decodeURIComponent(pod))), at: now() }
      pods.set(pod, counted)
    }
    if (counted.bytes + size - replaced > limit)
      throw new HttpError(507, 'InsufficientStorageHttpError', 'The pod is full.')
    counted.bytes += size - replaced
  }

  const { writeDocument, writeDataFile, writeContainer } = prototype
  prototype.writeDocument = function (this: Accessor, ...args) {
    const [{ path: url }] = args as unknown as [ResourceIdentifier]
    return writing.run(url, () => writeDocument.apply(this, args))
  }
  prototype.writeDataFile = async function (this: Accessor, ...args) {
    await writeDataFile.apply(this, args)
    const [path] = args as unknown as [string]
    const url = writing.getStore()
    // Metadata go with the document that they describe.
    if (url === undefined || !path.startsWith(this.tempFilePath)) return
    const { filePath } = await this.resourceMapper.mapUrlToFilePath({ path: url }, false)
    await take(url, await diskSize(path), await diskSize(filePath))
  }
  prototype.writeContainer = async function (this: Accessor, ...args) {
    const [{ path: url }] = args as unknown as [ResourceIdentifier]
    const { filePath } = await this.resourceMapper.mapUrlToFilePath({ path: url }, false)
    await take(url, BLOCK, await diskSize(filePath))
    await writeContainer.apply(this, args)
  }
}

/** 0 for what is not there. */
async function diskSize(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined)
  return found === undefined ? 0 : inBlocks(found.size)
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  let total = 0
  for (const entry of entries)
    total += entry.isFile() ? await diskSize(join(entry.parentPath, entry.name)) : BLOCK
  return total
}

function inBlocks(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / BLOCK)) * BLOCK
}

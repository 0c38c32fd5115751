/**
 * A limit for each embedded pod, in the pod server's own process. The Community Solid Server has one as well, which walks the
 * whole pod for every piece of a body and is of no use to us; this one weighs a document when it is written whole and not
 * yet in its place, so that a refusal leaves the old version as it was and nothing half written. Reaches into version
 * 7.2.0, which is pinned.
 */
import { AtomicFileDataAccessor, HttpError } from '@solid/community-server'
import type { RepresentationMetadata, ResourceIdentifier } from '@solid/community-server'
import { AsyncLocalStorage } from 'node:async_hooks'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What the smallest file takes on the disk, and a folder. */
const BLOCK = 4096
/** Rules of access beyond the limit: whoever is full must still be able to shut somebody out. */
const RESERVE = 1024 * 1024
/** A pod is counted at most so often; in between what was written since is added up. */
const COUNT_EVERY_MS = 5_000

interface Pod {
  /** An upper bound: what was deleted or replaced since the count is still in it. `undefined` until it was counted. */
  bytes: number | undefined
  at: number
  /** Of this, what is let through and perhaps not yet in its place, where a count would see it. */
  underWay: number
  /** One is weighed after the other: of many at once, each sees what those before it took. */
  turn: Promise<void>
}

/** One document or folder being written. */
interface Write {
  readonly url: string
  /** Called when it is in its place, or failed. */
  end: () => void
}

type Accessor = {
  [Method in 'writeDocument' | 'writeDataFile' | 'writeContainer' | 'writeMetadata']: (
    ...args: never[]
  ) => Promise<void>
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
  onRefused,
}: {
  baseUrl: string
  root: string
  bytes: number
  /** Ms by any clock. */
  now: () => number
  onRefused: () => void
}): void {
  const prototype = AtomicFileDataAccessor.prototype as unknown as Accessor
  const writing = new AsyncLocalStorage<Write>()
  const pods = new Map<string, Pod>()

  /** `undefined` for what belongs to the server. */
  function podOf(url: string): string | undefined {
    const [name = ''] = url.slice(baseUrl.length).split('/')
    return name === '' || name.startsWith('.') ? undefined : name
  }

  async function take(write: Write, size: number, replaced: number): Promise<void> {
    const name = podOf(write.url)
    if (name === undefined || size <= replaced) return
    const pod = pods.get(name) ?? { bytes: undefined, at: 0, underWay: 0, turn: Promise.resolve() }
    pods.set(name, pod)
    const limit = /\.(?:acl|acr)$/.test(write.url) ? bytes + RESERVE : bytes
    const weighed = pod.turn.then(async () => {
      let { bytes: held } = pod
      if (held === undefined || (held + size - replaced > limit && now() - pod.at > COUNT_EVERY_MS)) {
        // What gets to its place during the count may be in it or not.
        const { underWay } = pod
        held = (await sizeOf(join(root, decodeURIComponent(name)))) + underWay
        pod.at = now()
      }
      pod.bytes = held
      if (held + size - replaced > limit) {
        onRefused()
        throw new HttpError(507, 'InsufficientStorageHttpError', 'The pod is full.')
      }
      pod.bytes += size - replaced
      pod.underWay += size
      write.end = () => (pod.underWay -= size)
    })
    pod.turn = weighed.catch(() => undefined)
    await weighed
  }

  /** `work` with room that is taken until it ends. */
  async function during(url: string, work: (write: Write) => Promise<void>): Promise<void> {
    const write: Write = { url, end: () => undefined }
    try {
      await work(write)
    } finally {
      write.end()
    }
  }

  const { writeDocument, writeDataFile, writeContainer, writeMetadata } = prototype
  prototype.writeDocument = function (this: Accessor, ...args) {
    const [{ path: url }] = args as unknown as [ResourceIdentifier]
    return during(url, (write) => writing.run(write, () => writeDocument.apply(this, args)))
  }
  prototype.writeDataFile = async function (this: Accessor, ...args) {
    await writeDataFile.apply(this, args)
    const [path] = args as unknown as [string]
    const write = writing.getStore()
    // What the server notes beside a document is as little as its headers.
    if (write === undefined || !path.startsWith(this.tempFilePath)) return
    const { filePath } = await this.resourceMapper.mapUrlToFilePath({ path: write.url }, false)
    await take(write, await diskSize(path), await diskSize(filePath))
  }
  prototype.writeContainer = function (this: Accessor, ...args) {
    const [id] = args as unknown as [ResourceIdentifier]
    return during(id.path, async (write) => {
      const { filePath } = await this.resourceMapper.mapUrlToFilePath(id, false)
      await take(write, BLOCK, await diskSize(filePath))
      await writeContainer.apply(this, args)
    })
  }
  // Descriptions (`.meta`) can be written for themselves, and be as large as anything.
  prototype.writeMetadata = function (this: Accessor, ...args) {
    const [id, metadata] = args as unknown as [ResourceIdentifier, RepresentationMetadata]
    return during(id.path, async (write) => {
      const { filePath } = await this.resourceMapper.mapUrlToFilePath(id, true)
      await take(write, inBlocks(written(metadata)), await diskSize(filePath))
      await writeMetadata.apply(this, args)
    })
  }
}

/** About as many bytes as it takes, and no fewer than its texts. */
function written(metadata: RepresentationMetadata): number {
  let size = 0
  for (const { subject, predicate, object } of metadata.quads())
    for (const { value } of [subject, predicate, object]) size += Buffer.byteLength(value)
  return size
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

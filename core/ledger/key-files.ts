/** Small secret files: created durably and exclusively, read strictly. Files 0600 in folders 0700. */
import { createSecretKey, hash, randomBytes, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { chmod, link, mkdir, open, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Json } from './ledger.ts'

/** A key file is missing or not what was written. */
export class KeysDamaged extends Error {
  readonly code = 'keys-damaged'
}

/** Makes a change of names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Creates the folder, or makes an existing one private. */
export async function makePrivateFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  if (first === undefined) return
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made))
}

/** Writes a file that must not exist yet. Durable, whole or not at all; false when the name is taken. */
export async function createFile(path: string, content: string | Uint8Array): Promise<boolean> {
  const temporary = join(dirname(path), `.new-${randomBytes(8).toString('hex')}`)
  const handle = await open(temporary, 'wx', 0o600)
  try {
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    // A link, unlike a rename, does not replace the file of somebody who was faster.
    await link(temporary, path)
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false
    throw error
  } finally {
    await unlink(temporary)
  }
  await syncFolder(dirname(path))
  return true
}

/** Removes a file durably, then overwrites what it held. No promise about what a flash disk keeps of that. */
export async function destroyFile(path: string): Promise<void> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r+')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return
    throw error
  }
  try {
    // The name goes first: a crash in between must not leave a file that is neither key nor gone.
    await unlink(path).catch((error: unknown) => {
      // Another process destroys it, too.
      if (!isCode(error, 'ENOENT')) throw error
    })
    await syncFolder(dirname(path))
    await handle.write(Buffer.alloc((await handle.stat()).size), 0)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

const checksum = (text: string): string => hash('sha256', text, 'base64url')

/** Creates a document, one line of JSON and its checksum; false when it exists. */
export async function createDocument(path: string, content: Json): Promise<boolean> {
  const text = JSON.stringify(content)
  return createFile(path, `${text}\n${checksum(text)}\n`)
}

/** Undefined when there is none. Throws `KeysDamaged` when a byte of it is another. */
export function readDocument(path: string): Json | undefined {
  let file: string
  try {
    file = readFileSync(path, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
  const [text = '', sum] = file.split('\n')
  if (sum !== checksum(text) || file !== `${text}\n${sum}\n`)
    throw new KeysDamaged(`the key file ${shown(path)} is damaged: restore it from the backup of the keys`)
  return JSON.parse(text) as Json
}

const shown = (path: string): string => `${basename(dirname(path))}/${basename(path)}`

/** Reads a document or creates it. Of several who create at once all get the same. */
export async function documentAt(path: string, create: () => Promise<Json> | Json): Promise<Json> {
  const found = readDocument(path)
  if (found !== undefined) return found
  await createDocument(path, await create())
  const made = readDocument(path)
  if (made === undefined) throw new KeysDamaged('a key file vanished')
  return made
}

function memberOf(content: Json | undefined, name: string): Json | undefined {
  return content && typeof content === 'object' && !Array.isArray(content)
    ? (content as { readonly [member: string]: Json | undefined })[name]
    : undefined
}

export function textOf(content: Json | undefined, name: string): string {
  const text = memberOf(content, name)
  if (typeof text !== 'string') throw new KeysDamaged('a key file is malformed')
  return text
}

export function numberOf(content: Json | undefined, name: string): number {
  const number = memberOf(content, name)
  if (typeof number !== 'number') throw new KeysDamaged('a key file is malformed')
  return number
}

/** An AES key of 32 bytes. As a key object: a cipher that is given bytes costs four times as much. */
export function keyOf(content: Json | undefined): KeyObject {
  const key = Buffer.from(textOf(content, 'key'), 'base64url')
  if (key.length !== 32) throw new KeysDamaged('a key file is malformed')
  return createSecretKey(key)
}

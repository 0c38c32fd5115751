/** The key of an auditor's account at a vault, and calls with it. */
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { CommandFailed, EXIT } from './exit.ts'
import { writeWhole } from './log-source.ts'

/** A page of openings of the largest facts there can be. */
const MAX_REPLY_BYTES = 64 * 1024 * 1024
const TIMEOUT_MS = 120_000

/** Address of the vault whose log has this prefix. Throws `CommandFailed` (usage). */
export function vaultOf(prefix: string): string {
  const vault = /^(https?:\/\/.+)\/log\/?$/.exec(prefix)?.[1]
  if (vault === undefined || !URL.canParse(vault))
    throw new CommandFailed(
      EXIT.usage,
      `${prefix} is not the address of a vault's log (https://vault.example/log)`,
    )
  return vault
}

const keyFile = (stateFolder: string, vault: string): string =>
  path.join(stateFolder, 'auditor-keys', hash('sha256', vault, 'hex'))

/** Redeems an invitation and keeps the key, readable for this user only. Resolves to what the vault says of the account, and the file. */
export async function joinVault(vault: string, invitation: string, stateFolder: string): Promise<unknown> {
  const address = vault.replace(/\/+$/, '')
  if (!/^https?:\/\//.test(address) || !URL.canParse(address))
    throw new CommandFailed(EXIT.usage, `${vault} is not an address`)
  const { token, ...account } = (await call(
    `${address}/api/audit/join`,
    { pass: invitation },
    {
      origin: new URL(address).origin,
      'sec-fetch-site': 'same-origin',
    },
  )) as { token?: unknown }
  if (typeof token !== 'string') throw new CommandFailed(EXIT.unreachable, `${address} gave no key`)
  const file = keyFile(stateFolder, address)
  await writeWhole(file, `${token}\n`, 0o600)
  // The pages of the vault ask for it.
  return { ...account, keyFile: file }
}

/** The key that was kept for this vault, or the one in `file`. Throws `CommandFailed` (usage). */
export async function auditorKey(
  vault: string,
  { file, stateFolder }: { file: string | undefined; stateFolder: string },
): Promise<string> {
  const name = file ?? keyFile(stateFolder, vault)
  try {
    return (await readFile(name, 'utf8')).trim()
  } catch (cause) {
    throw new CommandFailed(
      EXIT.usage,
      file === undefined
        ? `no key for ${vault} is kept here: redeem your invitation with reach audit join ${vault} <invitation>, or give --key-file`
        : `${file} cannot be read`,
      { cause },
    )
  }
}

/** One look at a vault; without a body the account itself, which is no look. */
export function askVault(vault: string, key: string, what: string, body?: object): Promise<unknown> {
  return call(`${vault}/api/audit/${what}`, body, { authorization: `Bearer ${key}` })
}

async function call(
  url: string,
  body: object | undefined,
  headers: Record<string, string>,
): Promise<unknown> {
  let reply: unknown
  let status: number
  try {
    const response = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { 'content-type': 'application/json', ...headers },
      body: body === undefined ? null : JSON.stringify(body),
    })
    status = response.status
    reply = JSON.parse(await textOf(response))
  } catch (cause) {
    throw new CommandFailed(EXIT.unreachable, `${url} gives no whole answer`, { cause })
  }
  if (status === 200 || status === 201) return reply
  const detail = typeof reply === 'object' && reply !== null && 'detail' in reply ? reply.detail : undefined
  const said =
    typeof detail === 'string' && detail.length < 500 ? `: ${detail.replaceAll(/[^\x20-\x7e]/g, '?')}` : ''
  throw new CommandFailed(status >= 500 ? EXIT.unreachable : EXIT.usage, `${url} answered ${status}${said}`)
}

async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.length
    if (size > MAX_REPLY_BYTES) throw new Error('the answer is too large')
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

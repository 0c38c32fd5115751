/** `reach witness`: watches the logs of others, and says so under their checkpoints. */
import { generateKeyPairSync, createPrivateKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { createCosigner } from '#core/ledger/cosignature.ts'
import { createFile, makePrivateFolder } from '#core/ledger/key-files.ts'
import { NoteInvalid, parseVkey } from '#core/ledger/note.ts'
import { createLogger } from '#core/logger.ts'
import { witnessHistory } from '../witness/history.ts'
import { startWitness } from '../witness/server.ts'
import { createWitness } from '../witness/witness.ts'
import { CommandFailed, EXIT } from './exit.ts'
import type { Output } from './output.ts'

interface WitnessOptions {
  readonly folder: string
  readonly name: string
  readonly log: readonly string[]
  readonly host: string
  readonly port: string
  readonly mlDsa?: boolean
}

export function witnessCommand(
  program: Command,
  { output, now, stopped }: { output: Output; now: () => number; stopped: () => Promise<void> },
): void {
  const collect = (value: string, earlier: readonly string[]): string[] => [...earlier, value]
  program
    .command('witness')
    .description('run a witness: it cosigns checkpoints of logs that never rewrite what it saw')
    .requiredOption(
      '--folder <folder>',
      'where its key and what it cosigned are kept; never restore it from a backup',
    )
    .requiredOption('--name <name>', 'its name, a URL without scheme, such as witness.example/reach')
    .requiredOption(
      '--log <vkey>',
      'verifier key of a log to watch (may be repeated; of one log the newest last)',
      collect,
      [],
    )
    .option('--host <address>', 'address to listen on; TLS ends before it', 'localhost')
    .option('--port <port>', 'port to listen on', '3400')
    .option('--ml-dsa', 'make a new key of ML-DSA-44 instead of Ed25519')
    .action(async (options: WitnessOptions) => {
      const port = Number(options.port)
      if (!/^\d{1,5}$/.test(options.port) || port > 65_535)
        throw new CommandFailed(EXIT.usage, '--port must be a port number')
      options.log.forEach(demandLogKey)
      const folder = resolve(options.folder)
      const cosigner = createCosigner(options.name, await keyIn(folder, options.mlDsa === true))
      const history = witnessHistory(join(folder, 'logs'))
      const witness = createWitness({ logs: options.log, cosigner, history, now })
      const log = createLogger({ level: 'warn' })
      await using server = await startWitness({ witness, host: options.host, port, log })
      output.line(`Watching ${options.log.length} log${options.log.length === 1 ? '' : 's'} at ${server.url}`)
      output.line('For the policy of whoever trusts this witness:\n')
      output.line(`  witness ${options.name} ${cosigner.vkey} ${server.url}`)
      await stopped()
    })
}

function demandLogKey(vkey: string): void {
  try {
    parseVkey(vkey)
  } catch (cause) {
    if (!(cause instanceof NoteInvalid)) throw cause
    throw new CommandFailed(EXIT.usage, `--log: ${cause.message}`, { cause })
  }
}

/** Made at the first start. Another key is another witness, so an existing one is never replaced. */
async function keyIn(folder: string, mlDsa: boolean): Promise<KeyObject> {
  await makePrivateFolder(folder)
  const file = join(folder, 'key.pem')
  const made = mlDsa ? generateKeyPairSync('ml-dsa-44') : generateKeyPairSync('ed25519')
  await createFile(file, made.privateKey.export({ format: 'pem', type: 'pkcs8' }))
  return createPrivateKey(await readFile(file, 'utf8'))
}

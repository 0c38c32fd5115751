/** `npm run sdk`: builds the client library for businesses and packs it as one file that npm installs. */
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const root = path.join(import.meta.dirname, '..')
const sdk = path.join(root, 'vendor-gateway/sdk')
const run = promisify(execFile)

/** Writes `reach-sdk.tgz` into `folder`, and gives its path. */
export async function packSdk(folder: string): Promise<string> {
  const work = await mkdtemp(path.join(tmpdir(), 'reach-sdk-'))
  try {
    const project = path.join(sdk, 'tsconfig.json')
    const tsc = path.join(root, 'node_modules/.bin/tsc')
    await run(tsc, ['--project', project, '--outDir', path.join(work, 'dist')])
    for (const file of ['package.json', 'README.md'])
      await copyFile(path.join(sdk, file), path.join(work, file))
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', work], { cwd: work })
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
    await mkdir(folder, { recursive: true })
    const packed = path.join(folder, 'reach-sdk.tgz')
    // Beside its place first: whoever installs it meanwhile gets the old file or the new one, whole.
    await copyFile(path.join(work, filename), `${packed}.new`)
    await rename(`${packed}.new`, packed)
    return packed
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

if (import.meta.main) console.log(await packSdk(path.join(root, 'dist')))

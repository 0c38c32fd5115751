import { hash } from 'node:crypto'
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { removeUnfinishedPod, takenOf } from './pod-removal.ts'
import type { UnfinishedPod } from './pod-removal.ts'

/** Notes of the pods that are being made, so that what a crash leaves of one is in nobody's way. */
export interface PodsInMaking {
  /** To be told before anything of it is made. Gives what of it somebody has already: then it is not noted. */
  begin(pod: UnfinishedPod): ReturnType<typeof takenOf>
  /** It is there whole. */
  end(podUrl: string): Promise<void>
}

/** `root` is the folder of the pods, `folder` one for the notes. */
export function podsInMaking(root: string, folder: string): PodsInMaking {
  const note = (podUrl: string) => join(folder, hash('sha256', podUrl, 'base64url'))
  return {
    async begin(pod) {
      const taken = await takenOf(root, pod)
      if (taken !== undefined) return taken
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await writeFile(note(pod.podUrl), JSON.stringify(pod), { mode: 0o600 })
      return undefined
    },
    end: (podUrl) => rm(note(podUrl), { force: true }),
  }
}

/** Takes away what was begun and not ended; while the pod server does not run. What cannot be taken away stays noted. */
export async function sweepPodsInMaking(root: string, folder: string): Promise<void> {
  const notes = (await readdir(folder).catch(() => [])).map((name) => join(folder, name))
  await Promise.allSettled(
    notes.map(async (note) => {
      const pod = parsed(await readFile(note, 'utf8'))
      if (pod !== undefined) await removeUnfinishedPod(root, pod)
      await rm(note, { force: true })
    }),
  )
}

/** `undefined` for a note that was broken off: then nothing was made yet. */
function parsed(text: string): UnfinishedPod | undefined {
  try {
    return JSON.parse(text) as UnfinishedPod
  } catch {
    return undefined
  }
}

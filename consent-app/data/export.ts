import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { Export } from '#schemas/types.gen.ts'
import { send } from './ask.ts'
import { ProblemError, asProblem, shownAccount } from './http.ts'
import { saveFile } from './save-file.ts'

/** How far an export has come; `files` may turn out to be more than was announced. */
export interface ExportProgress {
  readonly bytes: number
  readonly files: number
  readonly total: number
}

/** Fetches everything, or what does not lie in the pod, in one archive and hands it to the browser as a file. */
export function useExport() {
  const [progress, setProgress] = useState<ExportProgress>()
  const start = useMutation({
    mutationFn: (body: Export) => fetchArchive(body, setProgress),
    onSuccess: ({ name, archive }) => saveFile(name, archive, 'application/zip'),
    onSettled: () => setProgress(undefined),
  })
  return { ...start, progress }
}

async function fetchArchive(
  body: Export,
  tell: (progress: ExportProgress) => void,
): Promise<{ name: string; archive: Blob }> {
  const response = await send('POST', 'api/export', { body, ...shownAccount() }).catch(noReply)
  if (!response.ok || response.body === null) throw await asProblem(response)
  const total = Number(response.headers.get('Reach-Export-Files') ?? 0)
  const name = /filename="([\w.-]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1]
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  let files = 0
  const reader = response.body.getReader()
  for (;;) {
    // An archive that breaks off has no end, and is no file to keep.
    const { done, value } = await reader.read().catch(noReply)
    if (done) break
    chunks.push(value)
    bytes += value.byteLength
    files += beginnings(value)
    tell({ bytes, files: Math.min(files, total), total })
  }
  return { name: name ?? 'reach-export.zip', archive: new Blob(chunks) }
}

/** Each file of a ZIP begins with these four bytes. */
function beginnings(chunk: Uint8Array): number {
  let count = 0
  for (let at = chunk.indexOf(0x50); at !== -1; at = chunk.indexOf(0x50, at + 1))
    if (chunk[at + 1] === 0x4b && chunk[at + 2] === 3 && chunk[at + 3] === 4) count += 1
  return count
}

function noReply(): never {
  throw new ProblemError('offline', 0, 'No reply')
}

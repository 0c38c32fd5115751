import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Router } from 'express'
import type { JWK } from 'jose'
import { DomainError } from '#core/domain/errors.ts'
import { formatTime } from '#core/domain/times.ts'
import type { LogReader } from '#core/ledger/ledger.ts'

export interface ReceiptCheckerParts {
  /** The built consent app. */
  readonly appFolder: string
  readonly vaultUrl: string
  readonly publicLog: LogReader
  readonly publicKeys: () => readonly JWK[]
  /** Unix ms. */
  readonly now: () => number
}

/**
 * The page that checks receipts from a file, with the keys of this vault and log as they are now; undefined where the app was not
 * built. Keys are data in it: its policy lets no script run but its own.
 */
export function receiptChecker({
  appFolder,
  vaultUrl,
  publicLog,
  publicKeys,
  now,
}: ReceiptCheckerParts): () => string | undefined {
  const page = readPage(join(appFolder, 'receipt-checker.html'))
  return () => {
    const origin = { vault: vaultUrl, vkey: publicLog.vkey, keys: publicKeys(), savedAt: formatTime(now()) }
    const data = JSON.stringify(origin).replaceAll('<', '\\u003c')
    return page?.replace(
      /(<script type="application\/json" id="origin">)\s*null\s*(?=<\/script>)/,
      (_, head: string) => head + data,
    )
  }
}

/** `GET /receipt-checker.html`, as a file to keep: it is meant for the day when this server is gone. */
export function receiptCheckerRoutes({ page }: { page: () => string | undefined }): Router {
  const router = Router()
  router.get('/receipt-checker.html', (_request, response) => {
    const text = page()
    if (text === undefined) throw new DomainError('not-found', 'There is no such file')
    response.set({
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Disposition': 'attachment; filename="reach-receipt-checker.html"',
    })
    response.end(text)
  })
  return router
}

function readPage(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

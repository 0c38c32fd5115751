/** The witness over HTTP: `POST /add-checkpoint`, and `GET /checkpoint?origin=` for monitors. */
import express from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { methodNotAllowed, notFound, problemHandler } from '#core/http/problem.ts'
import { leanExpress, listen, type Listening } from '#core/http/server.ts'
import type { Logger } from '#core/logger.ts'
import type { Witness } from './witness.ts'

/** A checkpoint with its signatures and 63 hashes; those of ML-DSA are long. */
const MAX_REQUEST_BYTES = 65_536

export async function startWitness({
  witness,
  host,
  port,
  log,
}: {
  witness: Witness
  host: string
  port: number
  log: Logger
}): Promise<Listening> {
  const app = leanExpress()
  const text = express.text({ type: () => true, limit: MAX_REQUEST_BYTES })
  app.post('/add-checkpoint', text, async (request, response) => {
    const body: unknown = request.body
    const { status, type, body: answer } = await witness.add(typeof body === 'string' ? body : '')
    response.status(status).set({ 'Content-Type': type, 'Cache-Control': 'no-store' }).end(answer)
  })
  app.get('/checkpoint', async (request, response) => {
    const { origin } = request.query
    const note = typeof origin === 'string' ? await witness.latest(origin) : undefined
    if (note === undefined) throw new DomainError('not-found', 'This witness has seen nothing of such a log')
    response.set({ 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }).end(note)
  })
  app.all('/add-checkpoint', methodNotAllowed('POST'))
  app.all('/checkpoint', methodNotAllowed('GET', 'HEAD'))
  app.use(notFound, problemHandler({ log }))
  return listen({ app, host, port })
}

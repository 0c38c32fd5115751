import { Router } from 'express'
import type { ReachPods } from './reach-pods.ts'

/**
 * `POST /notifications/:token` (WebhookChannel2023): pod servers say that something changed. Its body is not read: what it
 * says is not believed, only that it is worth asking.
 */
export function webhookRoutes({ webhooks }: Pick<ReachPods, 'webhooks'>): Router {
  const router = Router()
  router.post('/notifications/:token', async (request, response) => {
    const { authorization, dpop } = request.headers
    const taken = await webhooks.receive(request.params.token, {
      ...(authorization === undefined ? {} : { authorization }),
      ...(typeof dpop === 'string' ? { dpop } : {}),
    })
    // 404 as well for what was not believed: whoever guesses learns nothing.
    response.status(taken ? 204 : 404).end()
  })
  return router
}

/**
 * "Take the tour": a throw-away customer with sample data and a sample business that has just asked her.
 * Everything goes through the public surface of the tour's own vault, as a customer's browser would;
 * development only.
 */
import express, { type Router } from 'express'
import { createSampleCustomer, fillPod, SAMPLE_DATA } from '../sandbox/sample-customer.ts'
import { type SampleShop } from './sample-shop.ts'

/**
 * POST / answers `{ location }`, the decision page of the sample request, and signs the browser in as the new
 * customer.
 */
export function tourRoutes({ vaultUrl, shop }: { vaultUrl: string; shop: SampleShop }): Router {
  const routes = express.Router()
  routes.post('/', async (_request, response) => {
    const { browser } = await createSampleCustomer(vaultUrl, 'tour')
    await fillPod(browser, SAMPLE_DATA)
    const { href } = await shop.ask()
    response.setHeader('set-cookie', browser.setCookies)
    response.set('cache-control', 'no-store').json({ location: href })
  })
  return routes
}

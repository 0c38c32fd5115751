/** A website that proves who its business is, and businesses that have one, a logo and a name in law. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from '@playwright/test'
import { vendorOperator } from '../../vault-server/operator/vendors.ts'
import { registerBusiness } from '../business.ts'
import type { Shop, Story } from '../story.ts'
import { polling } from '../without-browser.ts'

export interface ProvenSite extends AsyncDisposable {
  readonly url: string
  admit(story: Story, business: { name: string; logo: Buffer }): Promise<Shop>
}

export async function openProvenSite(): Promise<ProvenSite> {
  let vendorId = ''
  const server = createServer((request, response) => {
    response.setHeader('content-type', request.url === '/callback' ? 'text/plain' : 'application/json')
    response.end(JSON.stringify({ vendorId }))
  }).listen(0, 'localhost')
  await once(server, 'listening')
  const url = `http://localhost:${(server.address() as AddressInfo).port}`
  return {
    url,
    async admit({ world }, { name, logo }) {
      const { ledger, vault } = world.reach
      const { authorization } = vault
      const operator = vendorOperator({ ledger, authorization, now: () => Date.now(), outboundAllow: [url] })
      const admission = await operator.add({
        name,
        legalName: `${name} Trading Ltd`,
        website: url,
        contact: 'hello@harbour-bakery.example',
        dataProtectionContact: 'privacy@harbour-bakery.example',
        privacyPolicy: `${url}/privacy`,
        jurisdiction: 'IE',
        logo: logo.toString('base64'),
      })
      ;({ vendorId } = admission)
      await operator.prove(vendorId)
      const registered = await registerBusiness(`${world.config.vaultUrl}/oauth`, admission, {
        redirectUri: `${url}/callback`,
        overrides: polling,
      })
      return { ...registered, vendorId, name }
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** A sign as a bakery has it, drawn by the browser. */
export async function drawLogo(page: Page): Promise<Buffer> {
  await page.setContent(`<svg xmlns="http://www.w3.org/2000/svg" width="192" height="192" viewBox="0 0 48 48">
    <rect width="48" height="48" fill="#7a2f1d"/><path d="M8 30c0-9 7-15 16-15s16 6 16 15z" fill="#f3c98b"/>
    <path d="M16 20l4 6m4-8l4 7m4-5l3 5" stroke="#7a2f1d" stroke-width="2.4" stroke-linecap="round"/>
    <path d="M7 35q4-3 8.500 0t8.500 0 8.500 0 8.500 0" fill="none" stroke="#fff" stroke-width="2.200"/></svg>`)
  return await page.locator('svg').screenshot()
}

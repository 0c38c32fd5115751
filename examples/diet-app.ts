/**
 * A small Solid app that is not Reach: it signs somebody in at her own pod, shows what a kitchen must know about her, and
 * lets her change it. `node examples/diet-app.ts`, then open http://localhost:3500. It uses Inrupt's libraries and
 * nothing of ours.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Session } from '@inrupt/solid-client-authn-node'
import { findDiet, readDiet, saveDiet } from './diet-data.ts'

const diets = ['VeganDiet', 'VegetarianDiet', 'HalalDiet', 'KosherDiet', 'GlutenFreeDiet', 'LowLactoseDiet']

/** Listens on localhost; port 0 takes any free one. */
export async function openDietApp(port = 3500): Promise<{ url: string } & AsyncDisposable> {
  const sessions = new Map<string, Session>()
  const server = createServer((request, response) => {
    answer(request, response).catch(() => {
      if (!response.headersSent) response.writeHead(502, { 'Content-Type': 'text/plain' })
      response.end('The pod did not answer as it should. Go back and try again.')
    })
  })
  server.listen(port, 'localhost')
  await once(server, 'listening')
  const url = `http://localhost:${(server.address() as AddressInfo).port}`

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams, href } = new URL(request.url ?? '/', url)
    const session = sessions.get(/(?:^|; )kitchen=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '')
    const to = (location: string) => void response.writeHead(303, { Location: location }).end()
    const isOurForm = request.method === 'POST' && request.headers.origin === url

    if (pathname === '/sign-in' && isOurForm) {
      const begun = new Session({ keepAlive: false })
      const id = randomBytes(16).toString('base64url')
      sessions.set(id, begun)
      response.setHeader('Set-Cookie', `kitchen=${id}; HttpOnly; SameSite=Lax; Path=/`)
      const oidcIssuer = (await formOf(request)).get('issuer') ?? ''
      return begun.login({
        oidcIssuer,
        redirectUrl: `${url}/back`,
        clientName: 'Kitchen card',
        handleRedirect: to,
      })
    }
    if (pathname === '/back' && session !== undefined && searchParams.has('code')) {
      await session.handleIncomingRedirect(href)
      return to('/')
    }
    const webId = session?.info.isLoggedIn === true ? session.info.webId : undefined
    if (session === undefined || webId === undefined) return send(response, signInPage)
    const document = await findDiet(webId, session.fetch)
    if (pathname === '/diet' && isOurForm) {
      const form = await formOf(request)
      const allergies = (form.get('allergies') ?? '').split(',').map((text) => text.trim())
      const known = await readDiet(document, session.fetch)
      await saveDiet(
        document,
        {
          // What this page has no box for is not taken away.
          diets: [...known.diets.filter((name) => !diets.includes(name)), ...form.getAll('diet')],
          allergies: [...new Set(allergies)].filter((text) => text !== ''),
          favouriteDish: form.get('dish')?.trim() || undefined,
        },
        session.fetch,
      )
      return to('/')
    }
    const diet = await readDiet(document, session.fetch)
    return send(
      response,
      `<h1>Kitchen card</h1><p>From your pod: <code>${escape(document)}</code></p>
<form method="post" action="/diet"><fieldset><legend>Diet</legend>${diets
        .map(
          (name) =>
            `<p><label><input type="checkbox" name="diet" value="${name}"${diet.diets.includes(name) ? ' checked' : ''}> ${name.replace('Diet', '')}</label></p>`,
        )
        .join('')}</fieldset>
<p><label>Allergies, with commas between<br><input name="allergies" value="${escape(diet.allergies.join(', '))}"></label></p>
<p><label>Favourite dish<br><input name="dish" value="${escape(diet.favouriteDish ?? '')}"></label></p>
<p><button>Save in my pod</button></p></form>`,
    )
  }

  return {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const signInPage = `<h1>Kitchen card</h1><p>What a kitchen must know about you, kept in your own pod.</p>
<form method="post" action="/sign-in"><p><label>Where you sign in<br>
<input name="issuer" type="url" required value="http://localhost:3000/"></label></p><p><button>Sign in</button></p></form>`

function send(response: ServerResponse, body: string): void {
  response.writeHead(200, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'Cache-Control': 'no-store',
  })
  response.end(
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Kitchen card</title>${body}</html>`,
  )
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = ''
  for await (const chunk of request) {
    text += String(chunk)
    if (text.length > 10_000) throw new Error('The form is too large')
  }
  return new URLSearchParams(text)
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

if (import.meta.main) {
  const { url } = await openDietApp()
  console.log(`Kitchen card: open ${url}`)
}

import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { resourceOf } from '#core/pods/vocabulary.ts'
import { writeCategory } from '#core/pods/vocabulary-edit.ts'

/** How a person's pod answers; `silent` never does. */
export type Behaviour = 'well' | 'forbidden' | 'broken' | 'silent' | 'nonsense'

export interface Person {
  readonly webId: string
  /** Her `vrm/`. */
  readonly container: string
}

/** A pod server of somebody else's, as hostile as a test wants it: Turtle with ETags, for whoever asks. */
export interface ForeignPods extends AsyncDisposable {
  readonly url: string
  /** Requests answered so far. */
  readonly requests: number
  /** The n-th person. Her pod is empty until it is filled. */
  person(n: number): Person
  fill(person: Person, category: string, values: Readonly<Record<string, unknown>>): void
  behave(person: Person, behaviour: Behaviour): void
}

export async function openForeignPods(): Promise<ForeignPods> {
  const documents = new Map<string, string>()
  const behaviours = new Map<string, Behaviour>()
  let requests = 0
  const server = createServer((request, response) => {
    requests++
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  function answer({ url: path = '', headers }: IncomingMessage, response: ServerResponse): void {
    const container = path.slice(0, path.lastIndexOf('/') + 1)
    const behaviour = behaviours.get(container) ?? 'well'
    if (behaviour === 'silent') return
    if (behaviour === 'forbidden') return void response.writeHead(403).end()
    if (behaviour === 'broken') return void response.writeHead(500).end()
    const turtle = behaviour === 'nonsense' ? '<<< no Turtle' : (documents.get(path) ?? '')
    if (turtle === '' && path !== container) return void response.writeHead(404).end()
    const etag = `"${createHash('sha256').update(turtle).digest('hex').slice(0, 16)}"`
    if (headers['if-none-match'] === etag) return void response.writeHead(304, { ETag: etag }).end()
    response.writeHead(200, { 'Content-Type': 'text/turtle', ETag: etag }).end(turtle)
  }

  return {
    url,
    get requests() {
      return requests
    },
    person: (n) => ({ webId: `${url}/person-${n}/profile/card#me`, container: `${url}/person-${n}/vrm/` }),
    fill({ container }, category, values) {
      const resource = resourceOf(container, category)
      documents.set(new URL(resource).pathname, writeCategory(category, values, undefined, resource))
    },
    behave({ container }, behaviour) {
      behaviours.set(new URL(container).pathname, behaviour)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

import type { RequestListener } from 'node:http'
import type { ErrorRequestHandler, Express, Request, RequestHandler, Response } from 'express'
import type { Operation } from './operations.ts'
import { routeOf, splitUrl } from './serve.ts'
import type { Answering } from './serve.ts'

interface Way {
  readonly operation: Operation
  readonly answer: Answering
}

/** Nothing in it is encoded, and nothing is left out. */
const plain = /^[\w-]+$/

/**
 * What is asked all day (`often`), in the form in which it comes all day, past the routes of Express, which take a twentieth
 * of such a query. Every other form of it, and everything else, goes through them, to the same answers. A path here has at
 * most one parameter, which ends it. `before` and `refuse` are what stands around the routes as well;
 * `before` refuses by throwing, and nothing else of it is heard.
 */
export function shortcut(
  app: Express,
  ways: readonly Way[],
  { before, refuse }: { before: readonly RequestHandler[]; refuse: ErrorRequestHandler },
): RequestListener {
  const known = ways.map(({ operation, answer }) => {
    const [start = '', name] = operation.path.split(/[{}]/)
    return { start, name, answer, method: operation.method.toUpperCase(), path: routeOf(operation.path) }
  })
  return (incoming, outgoing) => {
    const { accept } = incoming.headers
    const isUsual = accept === undefined || accept === 'application/json' || accept === '*/*'
    const { path } = splitUrl(incoming)
    const way = known.find(
      ({ method, start, name }) =>
        method === incoming.method &&
        (name === undefined
          ? path === start
          : path.startsWith(start) && plain.test(path.slice(start.length))),
    )
    if (!isUsual || way === undefined) return app(incoming, outgoing)
    const { start, name, answer } = way
    const params = name === undefined ? {} : { [name]: path.slice(start.length) }
    // What else Express adds to the two is for other forms.
    const response = outgoing as Response
    const request = Object.assign(incoming, { params }) as Request
    const fail = (error: unknown) => refuse(error, request, response, () => response.destroy())
    try {
      for (const one of before) one(request, response, goOn)
    } catch (error) {
      return fail(error)
    }
    request.route = { path: way.path }
    answer(request, response).catch(fail)
  }
}

function goOn(): void {}

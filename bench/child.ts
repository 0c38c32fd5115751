import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

interface Asked<Question> {
  readonly id: number
  readonly question: Question
}

interface Answered {
  readonly id: number
  readonly answer: unknown
}

/** A process of the benchmark that answers questions over IPC, several at a time. */
export class Child<Question> implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #last: Question
  #asked = 0

  /** `last`: what to say so that it ends by itself. */
  constructor(module: URL, args: readonly string[], last: Question) {
    this.#last = last
    this.#child = fork(module, args)
    this.#child.on('message', (message) => {
      const { id, answer } = message as Answered
      this.#waiting.get(id)?.resolve(answer)
      this.#waiting.delete(id)
    })
    this.#child.once('exit', (code) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`a process of the benchmark ended with ${code}`))
    })
  }

  async ask<Answer>(question: Question): Promise<Answer> {
    const id = this.#asked++
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(id, waiting)
    this.#child.send({ id, question } satisfies Asked<Question>)
    return (await waiting.promise) as Answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.send({ id: -1, question: this.#last } satisfies Asked<Question>)
    await exited
  }
}

/** The child's side: an answer to each question, in any order. */
export function answerAll<Question>(answer: (question: Question) => Promise<unknown>): void {
  process.on('message', (message) => {
    const { id, question } = message as Asked<Question>
    void answer(question).then((told) => {
      if (process.connected) process.send?.({ id, answer: told ?? null } satisfies Answered)
    })
  })
}

/**
 * Does a task again and again, `intervalMs` after it was done, until disposed. Disposal waits for the task
 * that runs; a task that fails is done again like any other, so it has to say by itself what went wrong.
 * Keeps no process alive.
 */
export function every(intervalMs: number, task: () => Promise<unknown>): AsyncDisposable {
  let stopped = false
  let running: Promise<unknown> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  const plan = (): void => {
    if (stopped) return
    timer = setTimeout(() => {
      running = task().then(plan, plan)
    }, intervalMs)
    timer.unref()
  }
  plan()
  return {
    async [Symbol.asyncDispose]() {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}

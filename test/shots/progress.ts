/** A bar on a terminal, a line a scene where there is none. */
export class Progress {
  readonly #began = performance.now()
  readonly #total: number
  #done = 0

  constructor(scenes: readonly string[]) {
    this.#total = scenes.length
  }

  tell(scene: string, stop: string): void {
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${this.#bar()} ${scene}: ${stop}`)
  }

  done(scene: string): void {
    this.#done++
    if (!process.stdout.isTTY) console.log(`${this.#bar()} ${scene}`)
  }

  end(sentence: string): void {
    console.log(`${process.stdout.isTTY ? '\r\x1b[K' : ''}${sentence}`)
  }

  #bar(): string {
    const width = 24
    const full = Math.round((this.#done / this.#total) * width)
    const seconds = Math.round((performance.now() - this.#began) / 1000)
    return `[${'#'.repeat(full)}${'.'.repeat(width - full)}] ${this.#done}/${this.#total} ${seconds} s`
  }
}

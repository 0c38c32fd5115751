/** Exit codes of `reach`: part of its interface, since scripts and monitors decide on them. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3, finding: 4 } as const

/** Ends a command with one line for people and a code for programs. */
export class CommandFailed extends Error {
  readonly exitCode: number
  constructor(exitCode: (typeof EXIT)[keyof typeof EXIT], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandFailed'
    this.exitCode = exitCode
  }
}

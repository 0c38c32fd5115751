/**
 * Whether a log is that of a sandbox, in which nobody is a real person. Its origin says so (`<host>/sandbox/log`), and with
 * it every checkpoint, proof, reply and receipt.
 */
export function isSandboxLog(origin: string): boolean {
  return origin.endsWith('/sandbox/log')
}

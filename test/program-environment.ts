/** Of this process's environment what each program of Reach gets that a test starts: where programs are, and what Node compiled before. */
export const programEnvironment: Readonly<NodeJS.ProcessEnv> = {
  PATH: process.env['PATH'],
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
}

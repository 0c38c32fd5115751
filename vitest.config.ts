import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/soak/**', 'node_modules/**'],
    pool: 'forks',
    // Two cores; a worker's world with pod server and browser takes memory as well.
    maxWorkers: 2,
    // The files of a worker share what is slow to start: the modules of the house and one pod server
    // (test/pod-server.ts). A file keeps its world to itself by opening and disposing it, not by a process of
    // its own.
    isolate: false,
    // Programs that tests start load modules that Node has compiled for the one before.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'dist', 'compile-cache') },
    // A verdict hangs on no clock: these end what hangs, on a machine ten times slower than ours, too.
    testTimeout: 60_000,
    hookTimeout: 240_000,
    teardownTimeout: 10_000,
    // A test passes or fails; nothing may be left skipped or alone. scripts/test.ts says what becomes of a file that
    // fails in a whole run only.
    retry: 0,
    allowOnly: false,
    dangerouslyIgnoreUnhandledErrors: false,
  },
})

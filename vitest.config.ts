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
    // A verdict hangs on no clock: these end what hangs, on a machine ten times slower than ours, too.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
    teardownTimeout: 10_000,
    // A test passes or fails; nothing may be left skipped or alone. scripts/test.ts says what becomes of a file that
    // fails in a whole run only.
    retry: 0,
    allowOnly: false,
    dangerouslyIgnoreUnhandledErrors: false,
  },
})

import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/soak/**', 'node_modules/**'],
    pool: 'forks',
    // Two cores; a worker's world with pod server and browser takes memory as well.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    // A test passes or fails: nothing is tried again, nothing may be left skipped or alone.
    retry: 0,
    allowOnly: false,
    dangerouslyIgnoreUnhandledErrors: false,
  },
})

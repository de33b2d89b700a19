import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    // Two heavy suites at once would only fight for the same cores with the engine's own threads.
    maxWorkers: 2,
  },
})

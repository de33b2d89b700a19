import { defineConfig } from 'vitest/config'

/** Where to write the results as JSON too, for tools; see `.ci/run`. */
const results = process.env.FOVEA_TEST_RESULTS

export default defineConfig({
  test: {
    reporters: results ? ['default', ['json', { outputFile: results }]] : ['default'],
    testTimeout: 30_000,
    // Two heavy suites at once would only fight for the same cores with the engine's own threads.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'library', include: ['test/**/*.test.ts'], exclude: ['test/cli/**'] },
      },
      {
        extends: true,
        // The command line is tested as users run it: as a process, on the built package.
        test: { name: 'command line', include: ['test/cli/**/*.test.ts'], globalSetup: ['test/support/build.ts'] },
      },
    ],
  },
})

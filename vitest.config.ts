import { defineConfig } from 'vitest/config'

/** Where to write the results as JSON too, for tools; see `.ci/run`. */
const results = process.env.FOVEA_TEST_RESULTS

/** Suites with a worker of their own each: they change what modules or the process hold, or fill the memory. */
const alone = ['test/backends/**/*.test.ts', 'test/browser/**/*.test.ts', 'test/structure/**/*.test.ts']

export default defineConfig({
  test: {
    reporters: results ? ['default', ['json', { outputFile: results }]] : ['default'],
    // Ends what hangs; a busy machine may take ten times as long as an idle one, a processor that acts as a graphics processor more.
    testTimeout: process.env.FOVEA_TEST_WEBGPU ? 1_800_000 : 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 120_000 } },
    // One more than the cores of a small machine: suites in a browser wait much of the time. More would only fight for the cores.
    maxWorkers: 3,
    // The command line and the examples are tested as users run them: as processes, on the built package.
    globalSetup: ['test/support/build.ts'],
    // Every engine of the tests with wide vectors, with native kernels, or on a graphics processor; see CONTRIBUTING.md.
    setupFiles: [
      ...(process.env.FOVEA_TEST_WIDE ? ['test/support/wideEngines.ts'] : []),
      ...(process.env.FOVEA_TEST_NATIVE ? ['test/support/nativeEngines.ts'] : []),
      ...(process.env.FOVEA_TEST_WEBGPU ? ['test/support/webgpuEngines.ts'] : []),
    ],
    projects: [
      // Most suites share their workers, whose modules are then imported once, which halves the time they take.
      { extends: true, test: { name: 'shared', isolate: false, include: ['test/**/*.test.ts'], exclude: alone } },
      { extends: true, test: { name: 'alone', include: alone } },
    ],
  },
})

import { defineConfig } from 'vitest/config'

/** Where to write the results as JSON too, as for the package's own tests. */
const results = process.env.FOVEA_TEST_RESULTS

/** The tests of the built site, in Chromium: `npm run site:test`. They are none of the package's: VitePress is not installed with it. */
export default defineConfig({
  test: {
    reporters: results ? ['default', ['json', { outputFile: results }]] : ['default'],
    testTimeout: 180_000,
    hookTimeout: 600_000,
    globalSetup: ['test/support/build.ts'],
    include: ['site/test/**/*.test.ts'],
    // One Chromium at a time.
    fileParallelism: false,
  },
})

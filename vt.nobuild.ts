import { defineConfig } from 'vitest/config'
export default defineConfig({ test: { testTimeout: 180_000, hookTimeout: 300_000, expect: { poll: { timeout: 60_000 } }, maxWorkers: 2, include: ['test/**/*.test.ts'] } })

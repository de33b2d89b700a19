/** The other browser of the tests: a Firefox of this machine, headless, driven by WebDriver BiDi. */
import { existsSync } from 'node:fs'
import { type Browser, launch } from 'puppeteer-core'

/** Where Firefox is: the environment variable `FIREFOX`, or Debian's place. */
const path = process.env.FIREFOX || '/usr/bin/firefox-esr'

/** Why tests in Firefox cannot run here; `undefined` when they can, which in CI they must. */
export const noFirefox =
  existsSync(path) || process.env.CI
    ? undefined
    : `no Firefox at ${path}: install it (Debian: apt-get install firefox-esr), or say where it is by FIREFOX`

/** Starts Firefox. */
export const launchFirefox = (): Promise<Browser> =>
  launch({ browser: 'firefox', executablePath: path, headless: true, protocolTimeout: 300_000 })

/** The browser of the tests: a Chromium of this machine, headless. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

/**
 * Where Chromium is: the environment variable `CHROMIUM`, or Debian's places. The headless shell comes first: the browser makes a
 * window for every page, with an address bar that nobody sees, which takes more of the processor than most tests.
 */
export const chromiumPath =
  process.env.CHROMIUM ||
  ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find(path => existsSync(path)) ||
  '/usr/bin/chromium'

/**
 * Why the browser tests cannot run here; `undefined` when they can. In CI they must run: a missing browser is then a
 * failure of the tests, not a reason to leave them out.
 */
export const noBrowser =
  existsSync(chromiumPath) || process.env.CI
    ? undefined
    : `no Chromium at ${chromiumPath}: install it (Debian: apt-get install chromium-headless-shell), or say where it is by CHROMIUM`

/**
 * Starts Chromium. Nothing in it looks for updates or synchronizes. Its camera shows a moving figure.
 * @param host a name of this machine: pages of 127.0.0.1 are secure whatever their address says, those of a name are not
 * @param options.webgpu with WebGPU, on Chromium's own software driver
 */
export function launch(host?: string, { webgpu = false }: { readonly webgpu?: boolean } = {}): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath,
    args: [
      ...quietArguments,
      ...(host === undefined ? [] : [`--host-resolver-rules=MAP ${host} 127.0.0.1`]),
      ...(webgpu ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'] : ['--disable-gpu']),
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
    ],
  })
}

const quietArguments = [
  // Its sandbox refuses to work for root, as which containers often run.
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
]

/**
 * Opens a page in a Chromium that nothing looks into: under a debugger, each byte of a download is copied once more.
 * @param folder an empty folder for its profile
 * @returns closes it
 */
export function openAlone(address: string, folder: string): () => Promise<void> {
  const args = [...quietArguments, '--disable-gpu', '--headless', '--remote-debugging-port=0']
  const options = { stdio: 'ignore', detached: true } as const
  const browser = spawn(chromiumPath, [...args, `--user-data-dir=${folder}`, address], options)
  const ended = new Promise<void>(resolve => browser.on('exit', () => resolve()))
  // With its group: the processes of its pages would outlive it.
  const kill = (): boolean => process.kill(-browser.pid!, 'SIGKILL')
  process.once('exit', kill)
  return () => {
    process.off('exit', kill)
    kill()
    return ended
  }
}

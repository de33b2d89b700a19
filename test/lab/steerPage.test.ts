/** Steering in a page: its buttons are commands of the server, and what the log says of them is shown. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { serveLab } from '../../src/cli/commands/lab/server.ts'
import type { SteerCommand } from '../../src/cli/commands/lab/steer.ts'
import { launch, noBrowser } from '../browser/chromium.ts'
import { appendLog, lockRun, logLine, makeRun, startLine, stepLines } from '../support/runLogs.ts'
import { axe, violations } from './axe.ts'
import { expectFitting } from './fitting.ts'
import { openPage, site } from './labPage.ts'

describe.skipIf(noBrowser !== undefined)('the page of a training', () => {
  test('pauses it, takes a step, sets its rate and stops it, by keys as well; what is refused is told', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fovea-steer-page-'))
    const path = makeRun(folder, 'mine', startLine() + stepLines(1, 20))
    lockRun(path)
    let isOver = false
    const taken: SteerCommand[] = []
    const steered = {
      run: 'mine',
      get isOver() {
        return isOver
      },
      take(command: SteerCommand): void {
        taken.push(command)
        appendLog(path, logLine({ type: 'steer', step: 20, epoch: 1, ...command }, 2100))
      },
    }
    const server = await serveLab({ port: 0, site, warn: console.warn, runs: path, steered })
    const browser = await launch()
    const stage = { server, browser, close: () => browser.close() }
    const { page, complaints } = await openPage(stage, '#screen=runs', { scripts: [axe] })
    const button = (name: string) => page.getByRole('button', { name, exact: true })
    await button('Pause').focus()
    await page.keyboard.press('Enter')
    await page.getByText(/^Paused/).waitFor()
    await button('One step').click()
    await button('half of it').click()
    await page.getByRole('textbox', { name: 'Learning rate' }).fill('0.003')
    await page.keyboard.press('Enter')
    await page.locator('.notices li').filter({ hasText: 'learning rate 0.003' }).waitFor()
    expect(await violations(page)).toEqual([])
    await expectFitting(page, [1440, 820, 390])
    await button('Go on').click()
    await page.getByText(/^Training step 20/).waitFor()
    await button('Save and stop').click()
    await expect.poll(() => taken.at(-1)).toEqual({ action: 'stop' })
    expect(taken).toEqual([
      { action: 'pause' },
      { action: 'step' },
      { action: 'rate', factor: 0.5 },
      { action: 'rate', rate: 0.003 },
      { action: 'goOn' },
      { action: 'stop' },
    ])
    expect(complaints).toEqual([])
    isOver = true
    await button('Pause').click()
    await page.getByRole('alert').filter({ hasText: 'The training has ended.' }).waitFor()
    await rm(join(path, 'lock'))
    await page.getByText('This training has ended').waitFor()
    expect(await button('Pause').isDisabled()).toBe(true)
    await browser.close()
    await server.close()
    await rm(folder, { recursive: true })
  })
})

/** The built site in Chromium, in a folder of a server that sets no headers: its parts, its looks, its cells, and what is left of it without a network. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { axe, violations } from '../../test/lab/axe.ts'
import { deadLinks } from '../links.ts'
import { guide, root } from '../pages.ts'
import { cell, type OpenPage, openPage, openStage, outcome, press, runCell, type Stage, write } from './site.ts'
import { cellsOf, names, folder as tutorials } from './tutorials.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage?.close())

/** Opens a page, uses it, and closes its browser's context. */
async function onPage<T>(
  path: string,
  use: (opened: OpenPage) => Promise<T>,
  options: Parameters<typeof openPage>[2] = {},
): Promise<T> {
  const opened = await openPage(stage, path, options)
  try {
    return await use(opened)
  } finally {
    await opened.context.close()
  }
}

/** One of each kind. */
const kinds = ['index.html', 'recipes.html', 'tutorials/1-from-a-line-to-softmax.html']

describe('the folder', () => {
  it('has the guide, the API reference, the Lab and the library', () => {
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object }
    const doors = Object.keys(exports).filter(door => !door.endsWith('.json'))
    const files = [
      ...guide.flatMap(({ entries }) => entries.map(({ page }) => `${page.replace(/^\//, '')}.html`)),
      ...doors.map(door => `live/${door === '.' ? 'fovea' : door.slice(2)}.js`),
      'api/index.html',
      'index.html',
      'lab/index.html',
      'lab/serviceWorker.js',
      'serviceWorker.js',
    ]
    expect(files.filter(file => !existsSync(join(stage.folder, file)))).toEqual([])
  })

  it('is not built with a link that leads nowhere', () => {
    const folder = mkdtempSync(join(tmpdir(), 'fovea-links-'))
    try {
      mkdirSync(join(folder, 'sub'))
      writeFileSync(
        join(folder, 'index.html'),
        '<a href="/base/sub/page.html#here">1</a><a href="sub/page.html#there">2</a><a href="/base/none.html">3</a>' +
          '<a href="/elsewhere.html">4</a><a href="https://example.org">5</a><img src="sub/none.png">',
      )
      writeFileSync(join(folder, 'sub/page.html'), '<h2 id="here"></h2><a href="../">back</a>')
      expect(deadLinks(folder, '/base/')).toEqual([
        "index.html: sub/page.html#there: no part 'there' in sub/page.html",
        'index.html: /base/none.html: no file none.html',
        "index.html: /elsewhere.html: outside the site's folder /base/",
        'index.html: sub/none.png: no file sub/none.png',
      ])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe.each(names)('%s', name => {
  it(
    'has cells that print what it says they print',
    () =>
      onPage(`tutorials/${name}.html`, async ({ page, complaints }) => {
        const cells = cellsOf(name)
        expect(cells.length).toBeGreaterThan(0)
        expect(await page.locator('.cell').count()).toBe(cells.length)
        for (const [place, { printed, picture }] of cells.entries()) {
          const ended = await runCell(page, place)
          const wanted = { state: 'done', printed: (printed ?? '').trimEnd(), problem: '' }
          expect({ ...ended, printed: ended.printed.trimEnd() }, `cell ${place + 1}`).toEqual(wanted)
          if (picture === undefined) continue
          const drawn = cell(page, place).locator('.cell-ran .cell-picture svg').last()
          const file = readFileSync(join(tutorials, picture), 'utf8')
          expect(`${await drawn.evaluate(element => element.outerHTML)}\n`, `picture of cell ${place + 1}`).toBe(file)
        }
        expect(complaints).toEqual([])
      }),
    600_000,
  )
})

describe('a live cell', () => {
  const tutorial = kinds[2]!

  it('runs what has been written into it, and goes back to what it was', () =>
    onPage(tutorial, async ({ page }) => {
      await write(
        page,
        0,
        "import { add, constantTensor } from 'fovea'\nconsole.log(await add(constantTensor(1), 2).data(), { a: ['b'] })",
      )
      expect(await runCell(page, 0)).toEqual({
        state: 'done',
        printed: "Float32Array(1) [ 3 ] { a: [ 'b' ] }",
        problem: '',
      })
      await press(page, 0, 'As it was')
      expect((await runCell(page, 0)).printed).toBe(cellsOf(names[0]!)[0]!.printed!.trimEnd())
    }))

  it('runs the cells that it needs first, and those that have been changed again', () =>
    onPage(tutorial, async ({ page }) => {
      await write(page, 0, 'export const one = 1\nconsole.log("first")')
      await write(page, 1, 'const two = one + 1\nconsole.log("second")')
      await write(page, 2, 'console.log(two)')
      expect((await runCell(page, 2)).printed).toBe('2')
      expect([await outcome(page, 0), await outcome(page, 1)].map(({ printed }) => printed)).toEqual([
        'first',
        'second',
      ])
      await write(page, 0, 'const one = 10')
      expect((await runCell(page, 2)).printed).toBe('11')
    }))

  it.each([
    ['an error', 'const a = 1\n\nnull.field', "line 3: TypeError: Cannot read properties of null (reading 'field')"],
    [
      'an error of the library',
      "import { zeros } from 'fovea/nn'\nimport { lenet5 } from 'fovea/models'\nlenet5({ size: 3 })",
      'line 3: RangeError: lenet5: size (=3) must be a whole number ≥ 12',
    ],
    [
      'what is no JavaScript',
      'const a = 1\nconst a = 2',
      "line 2: SyntaxError: Identifier 'a' has already been declared",
    ],
    [
      'a name that a module lacks',
      "const a = 1\nimport { conv7d } from 'fovea/nn'",
      "line 2: 'fovea/nn' has nothing named conv7d",
    ],
    [
      'what nobody waits for',
      "const later = async () => {\n  throw new Error('late')\n}\nlater()\nawait new Promise(done => setTimeout(done, 50))",
      'line 2: Error: late',
    ],
  ])('shows the line of %s', (_, source, problem) =>
    onPage(tutorial, async ({ page }) => {
      await write(page, 0, source)
      await press(page, 0, 'Run')
      expect(await cell(page, 0).locator('.cell-problem').textContent()).toBe(problem)
    }),
  )

  it('names the modules that there are', () =>
    onPage(tutorial, async ({ page }) => {
      await write(page, 0, "import _ from 'lodash'")
      const { problem } = await runCell(page, 0)
      expect(problem).toMatch(/^line 1: there is no module 'lodash' here; there are fovea, .*fovea\/nn/)
    }))

  it('says that a cell above has failed', () =>
    onPage(tutorial, async ({ page }) => {
      await write(page, 0, 'const one = 1\nthrow new Error("no")')
      await write(page, 1, 'console.log(one)')
      expect((await runCell(page, 1)).problem).toBe('a cell above, which this one needs, has failed')
      expect((await outcome(page, 0)).problem).toBe('line 2: Error: no')
      await write(page, 0, 'const one = 1')
      expect(await runCell(page, 1)).toEqual({ state: 'done', printed: '1', problem: '' })
    }))

  it('can be stopped in an endless loop, and the page goes on', () =>
    onPage(tutorial, async ({ page }) => {
      await write(page, 0, 'for (let n = 0; ; n++) console.log(n)')
      await press(page, 0, 'Run')
      await cell(page, 0).getByText('only the first 500 lines').waitFor()
      await press(page, 0, 'Stop')
      expect(await cell(page, 0).getAttribute('data-state')).toBe('stopped')
      await write(page, 1, 'console.log("on")')
      expect((await runCell(page, 1)).printed).toBe('on')
    }))
})

describe.each(kinds)('%s', path => {
  it.each(['light', 'dark'] as const)('has nothing that axe objects to, %s', theme =>
    onPage(
      path,
      async ({ page, complaints }) => {
        await page.locator('.cell .cm-editor').first().or(page.locator('h1')).first().waitFor()
        expect(await violations(page)).toEqual([])
        expect(complaints).toEqual([])
      },
      { theme, script: axe },
    ),
  )

  it.each([390, 900, 1440])('fits in %i pixels', width =>
    onPage(
      path,
      async ({ page }) => {
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
      },
      { width },
    ),
  )
})

/** Waits until the service worker has kept the site. */
const kept = ({ page }: OpenPage) =>
  page.evaluate(async () => {
    await navigator.serviceWorker.ready
    if (!navigator.serviceWorker.controller) {
      await new Promise(resolve => {
        navigator.serviceWorker.addEventListener('controllerchange', resolve)
      })
    }
  })

describe('without a network', () => {
  it('has the pages that have not been visited, and their cells run', () =>
    onPage('index.html', async opened => {
      const { page, context } = opened
      await kept(opened)
      await context.setOffline(true)
      await page.goto(`${stage.address}ship.html`)
      expect(await page.locator('h1').textContent()).toContain('Ship it')
      await page.goto(`${stage.address}tutorials/2-convolution-and-lenet.html`)
      const [digits] = cellsOf('2-convolution-and-lenet')
      expect((await runCell(page, 0)).printed).toBe(digits!.printed!.trimEnd())
    }))
})

describe('the Lab', () => {
  it.each([
    ['at once', ''],
    ['after the first page', 'index.html'],
  ])('is isolated and trains, %s', (_, first) =>
    onPage(first || 'lab/index.html', async opened => {
      const { page } = opened
      if (first) {
        await kept(opened)
        await page.goto(`${stage.address}lab/index.html`)
      }
      await page.waitForFunction(() => crossOriginIsolated)
      await page.goto(`${stage.address}lab/index.html#v=1&images=2000&batch=16&step=20`)
      await page.waitForSelector('.net[data-step="20"]', { state: 'attached' })
      const scopes = await page.evaluate(async () => {
        const registrations = await navigator.serviceWorker.getRegistrations()
        return registrations.map(({ scope }) => scope).sort()
      })
      expect(scopes).toEqual([...(first ? [stage.address] : []), `${stage.address}lab/`])
    }),
  )
})

describe('the bar at the top', () => {
  it.each([
    ['API', 'api/index.html', 'Fovea'],
    ['The Lab', 'lab/index.html', 'Fovea Lab'],
    ['Tutorials', 'tutorials/1-from-a-line-to-softmax.html', '1. From a line to softmax | Fovea'],
  ])('leads to %s', (name, path, title) =>
    onPage('results.html', async ({ page }) => {
      await page.locator('.VPNavBarMenu').getByRole('link', { name, exact: true }).click()
      await page.waitForURL(`${stage.address}${path}*`)
      await page.waitForFunction(wanted => document.title === wanted, title)
    }),
  )
})

describe('the search', () => {
  it('finds a word of the guide', () =>
    onPage('index.html', async ({ page }) => {
      await page.getByRole('button', { name: 'Search' }).first().click()
      await page.locator('.search-input').fill('integrated gradients')
      await page.locator('.VPLocalSearchBox .result[href*="/fovea/inspect.html"]').first().waitFor()
    }))
})

/** Runs the tutorials' cells in Chromium and writes what they print, and the pictures that they refer to: `npm run site:outputs`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cell, openPage, openStage, runCell } from './test/site.ts'
import { cellPattern, cellsOf, folder, names } from './test/tutorials.ts'

const stage = await openStage()
try {
  for (const name of names) {
    const { page, context } = await openPage(stage, `tutorials/${name}.html`)
    const printed: string[] = []
    for (const [place, { picture }] of cellsOf(name).entries()) {
      const from = performance.now()
      const ended = await runCell(page, place)
      console.log(
        `${name}, cell ${place + 1}: ${ended.state}, ${((performance.now() - from) / 1000).toFixed(1)} s ${ended.problem}`,
      )
      printed.push(ended.printed)
      if (picture === undefined) continue
      const svg = await cell(page, place)
        .locator('.cell-ran .cell-picture svg')
        .last()
        .evaluate(element => element.outerHTML)
      mkdirSync(dirname(join(folder, picture)), { recursive: true })
      writeFileSync(join(folder, picture), `${svg}\n`)
    }
    await context.close()
    const file = join(folder, `${name}.md`)
    let place = 0
    const text = readFileSync(file, 'utf8').replace(cellPattern, (whole, source: string) => {
      const output = printed[place++]!
      const picture = /\n!\[[^\]]*\]\([^)]*\)\n$/.exec(whole)?.[0] ?? ''
      const block = output === '' ? '' : `\n\`\`\`text output\n${output.trimEnd()}\n\`\`\`\n`
      return `\`\`\`js live\n${source}\`\`\`\n${block}${picture}`
    })
    writeFileSync(file, text)
  }
} finally {
  await stage.close()
}

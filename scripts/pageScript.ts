/**
 * Bundles the script of pages with charts into a string that reports take along:
 *
 *   npx tsx scripts/pageScript.ts
 *
 * A test compares the file with what this makes.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, type Rolldown } from 'vite'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Where it lies. */
export const pageScriptFile = here('../src/plot/pageScript.ts')

/** The file's text. */
export async function pageScriptText(): Promise<string> {
  const [bundle] = (await build({
    configFile: false,
    logLevel: 'warn',
    root: here('..'),
    publicDir: false,
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      lib: { entry: here('../src/plot/page/script.ts'), formats: ['iife'], name: 'fovea', fileName: () => 'script.js' },
    },
  })) as Rolldown.RolldownOutput[]
  const code = bundle!.output[0].code.trim()
  // A script within a page ends with the first of these.
  if (/<\/script|<!--/i.test(code)) throw new Error('the script would end its own element')
  return `/**
 * The script of pages with charts, which \`scripts/pageScript.ts\` makes of \`page/script.ts\`: its source is there, and a
 * test compares both.
 */
export const pageScript = ${JSON.stringify(code)}
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(pageScriptFile, await pageScriptText())

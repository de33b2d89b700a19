/** The package as others install it: its declarations under their compilers' options, and what it needs that it does not bring. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { doors, installed } from '../support/installed.ts'

let project: ReturnType<typeof installed>
beforeAll(() => {
  project = installed(['@types/node', 'undici-types'])
  write('package.json', '{ "type": "module" }')
  write('everywhere.ts', doors.map((door, k) => `export * as door${k} from '${door}'\n`).join(''))
  write('node.ts', "export { imageFolder, mnist } from 'fovea/data'\nexport { RunFolder } from 'fovea/train'\n")
}, 300_000)
afterAll(() => project?.remove())

const write = (name: string, text: string): void => writeFileSync(join(project.path, name), text)

/** What the strictest of compilers says of files, declarations of the package included. */
function problems(files: readonly string[], options: ts.CompilerOptions): string[] {
  const paths = files.map(file => join(project.path, file))
  const program = ts.createProgram(paths, {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    skipLibCheck: false,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    typeRoots: [join(project.path, 'node_modules/@types')],
    ...options,
  })
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, ' ')
    return file ? `${file.fileName.replace(project.path, '')}: ${text}` : text
  })
}

const resolutions = {
  bundler: { module: ts.ModuleKind.Preserve, moduleResolution: ts.ModuleResolutionKind.Bundler },
  nodenext: { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
}
const environments = {
  "Node's types and no DOM": { lib: ['lib.es2023.d.ts'], types: ['node'] },
  'neither the DOM nor Node': { lib: ['lib.es2023.d.ts'], types: [] },
  'the DOM': { lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'], types: [] },
}

describe.each(Object.entries(resolutions))('declarations under %s resolution', (_, resolution) => {
  test.each(Object.entries(environments))(
    'are sound with %s',
    (__, environment) => {
      // What reads files is there as well: bundlers' resolution does not say for which runtime it is.
      expect(problems(['everywhere.ts', 'node.ts'], { ...resolution, ...environment })).toEqual([])
    },
    120_000,
  )
})

describe('an installation without sharp', () => {
  const run = promisify(execFile)
  const inProject = (script: string) => {
    write('script.js', script)
    return run(process.execPath, ['script.js'], { cwd: project.path })
  }

  test('opens every door', async () => {
    const imports = doors.map(door => `await import('${door}')`).join('\n')
    expect(await inProject(imports)).toEqual({ stdout: '', stderr: '' })
  })

  test('says what to install when the first picture is read', async () => {
    const { stdout } = await inProject(`
      import { prepareColor } from 'fovea/data'
      const picture = { name: 'cat.jpeg', bytes: Uint8Array.of(255, 216, 255) }
      await prepareColor(picture, { height: 8, width: 8 }).catch(error => console.log(error.name + ': ' + error.message))
    `)
    expect(stdout).toBe(
      'DatasetError: pictures are read by the npm package sharp, which is missing: run `npm install sharp`\n',
    )
  })

  test('has a command line', async () => {
    const { stdout } = await run(process.execPath, ['node_modules/fovea/dist/cli/main.js', 'summary', 'lenet5'], {
      cwd: project.path,
    })
    expect(stdout).toContain('61,706')
  })
})

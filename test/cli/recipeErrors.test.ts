/** What is wrong in a recipe's own code is shown there: file, line, column, and the lines around. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeFrame } from '../../src/recipe/codeFrame.ts'
import { fovea, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
beforeAll(async () => {
  const root = join(import.meta.dirname, '../..')
  mkdirSync(join(cwd, 'node_modules'))
  symlinkSync(root, join(cwd, 'node_modules/fovea'))
  symlinkSync(join(root, 'node_modules/tsx'), join(cwd, 'node_modules/tsx'))
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 320, test: 200 })
})
afterAll(folder.remove)

const train = (name: string, source: string, env?: Record<string, string>) => {
  writeFileSync(join(cwd, name), source)
  return fovea(cwd, ['train', name, '--data-dir', 'data', '--validation', '64', '--quiet', '--no-test'], env)
}

describe('codeFrame', () => {
  it('marks the place, two lines before and after it', () => {
    expect(codeFrame('a\nb\nc\nd(1\ne\nf\ng\n', { line: 4, column: 3 })).toBe(
      '  2 | b\n  3 | c\n> 4 | d(1\n    |   ^\n  5 | e\n  6 | f',
    )
  })

  it('ends with the file', () => {
    expect(codeFrame('a\nbc\n', { line: 2, column: 1 })).toBe('  1 | a\n> 2 | bc\n    | ^')
  })
})

describe('is shown at its place, with exit code 2', () => {
  it.each([
    [
      'a syntax error',
      'syntax.mjs',
      'export default {\n  epochs: {{ 3 },\n}',
      '2:12',
      "SyntaxError: Unexpected token '{'",
    ],
    [
      'a syntax error in TypeScript',
      'syntax.ts',
      'export default {\n  epochs: {{ 3 },\n}',
      '2:12',
      'SyntaxError: Expected identifier but found "{"',
    ],
    [
      'an import that is not there',
      'missing.mjs',
      "import { nothing } from 'fovea/nn'\nexport default { x: nothing }",
      '1:10',
      "SyntaxError: The requested module 'fovea/nn' does not provide an export named 'nothing'",
    ],
    [
      'an error that is thrown',
      'thrown.mjs',
      'export default {\n  epochs: count(),\n}\nfunction count() {\n  throw new Error("no such thing")\n}',
      '5:9',
      'no such thing',
    ],
    [
      'one in TypeScript, below lines that are gone when it runs',
      'thrown.ts',
      'interface Count {\n  n: number\n}\n\nconst count: Count | undefined = undefined\nexport default { epochs: (count as unknown as Count).n }',
      '6:54',
      "TypeError: Cannot read properties of undefined (reading 'n')",
    ],
    [
      'an error of a layer that the network asked for',
      'layer.mjs',
      "import { conv2d } from 'fovea/nn'\nexport default {\n  model: () => conv2d(1.5, 8, 3),\n}",
      '3:16',
      'conv2d: inChannels (=1.5) must be a whole number',
    ],
    [
      'an error of a schedule, in the middle of a run',
      'schedule.mjs',
      'export default {\n  schedule: step => step > 1 ? missing : 1,\n}',
      '2:32',
      'ReferenceError: missing is not defined',
    ],
    ['a getter', 'getter.mjs', 'export default {\n  get epochs() { throw new Error("got") },\n}', '2:24', 'got'],
    [
      'JSON that is none',
      'comma.json',
      '{\n  "epochs": 2,\n}',
      '3:1',
      'is not JSON: Expected double-quoted property name',
    ],
  ])(
    '%s',
    async (_, name, source, place, message) => {
      const { code, stdout, stderr } = await train(name, source)
      const [line] = place.split(':')
      expect(stderr.split('\n')[0]).toContain(`fovea: ${name}:${place}: ${message}`)
      expect(stderr).toMatch(new RegExp(`^> ${line} \\| .+\\n +\\| +\\^$`, 'm'))
      expect(stderr).not.toMatch(/^ +at /m)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    },
    60_000,
  )

  it('a syntax error of a file that the recipe imports is shown in that file', async () => {
    writeFileSync(join(cwd, 'part.mjs'), 'export const epochs = 3\nexport const = 4\n')
    const { stderr } = await train('whole.mjs', "import { epochs } from './part.mjs'\nexport default { epochs }")
    expect(stderr).toBe(
      "fovea: part.mjs:2:14: SyntaxError: Unexpected token '='\n  1 | export const epochs = 3\n> 2 | export const = 4\n    |              ^\n",
    )
  }, 300_000)
})

describe('is refused in one line, with exit code 2', () => {
  const network = "import { flatten, linear, sequential } from 'fovea/nn'\n"
  const own = "import { Module } from 'fovea/nn'\nclass Net extends Module { forward() {} }\n"
  it.each([
    [
      'a model that gives nothing',
      'export default { model: () => {} }',
      'its model gave nothing, expected a network: a Module',
    ],
    [
      'a model that gives a promise',
      `${network}export default { model: async () => sequential(flatten(), linear(784, 10)) }`,
      'its model gave Promise {',
    ],
    [
      'an optimizer that is none',
      'export default { optimizer: () => 0.1 }',
      'its optimizer gave 0.1, expected an optimizer, such as sgd({ lr: 0.1 })',
    ],
    [
      'a loss that is none',
      'export default { loss: () => ({}) }',
      'its loss gave {}, expected a loss, such as crossEntropy()',
    ],
    [
      'a schedule that gives nothing',
      'export default { schedule: step => step < 2 ? 1 : undefined }',
      'its schedule gave undefined for step 2 of 20, expected a finite number',
    ],
    [
      'a schedule that gives NaN',
      'export default { schedule: step => 1 / 0 - 1 / 0 }',
      'its schedule gave NaN for step 0 of 20',
    ],
    [
      'a schedule that gives a text',
      "export default { schedule: () => '1' }",
      'its schedule gave "1" (of type string) for step 0 of 20',
    ],
    [
      'a class for a model',
      'export default { model: class Net {} }',
      'its model is a class, expected a function: () => new Net()',
    ],
    [
      'a model that throws no error',
      'export default { model: () => { throw undefined } }',
      'its model threw undefined, which is not an Error',
    ],
    [
      'a schedule that throws no error',
      'export default { schedule: () => { throw 0 } }',
      'its schedule threw 0, which is not an Error',
    ],
    [
      'a loss that throws no error',
      'export default { loss: () => ({ forward: () => { throw { a: 1 } } }) }',
      'its code threw {"a":1}, which is not an Error',
    ],
    [
      'a getter that throws no error',
      'export default { get data() { throw null } }',
      'the recipe threw null, which is not an Error',
    ],
    [
      'a model that computes nothing',
      `${own}export default { model: () => new Net() }`,
      'model: its forward gave undefined, expected logits [',
    ],
    [
      'a loss that is a number',
      'export default { loss: () => ({ forward: () => 1 }) }',
      'loss: its forward gave 1, expected the mean loss of the batch, f32 []',
    ],
    ['a loss for each image', 'export default { loss: () => ({ forward: x => x }) }', 'loss: its forward gave f32 ['],
    [
      'an optimizer that gives nothing',
      `import { sgd } from 'fovea/optim'\nexport default { optimizer: () => ({ ...sgd({ lr: 1 }), update: () => undefined }) }`,
      'optimizer: its update gave no map from variables to their new values',
    ],
    [
      'a list with a hole',
      "export default { freeze: [, { match: 'conv1' }] }",
      'freeze.0 is undefined, expected a value: a list has no holes',
    ],
    ['a bigint', 'export default { epochs: 3n }', 'epochs is a bigint, expected data'],
    ['a symbol', "export default { seed: Symbol('x') }", 'seed is a symbol, expected data'],
    [
      'a part of itself',
      "const a = { name: 'sgd', lr: 1 }\na.groups = [a]\nexport default { optimizer: a }",
      'optimizer.groups.0 is a part of itself',
    ],
    ['a promise in it', 'export default { data: Promise.resolve({}) }', 'data is a Promise, expected data'],
    ['a map in it', 'export default { data: new Map() }', 'data is a Map, expected data'],
    [
      'endless depth',
      'let a = {}\nfor (let k = 0; k < 1e5; k++) a = { a }\nexport default { data: a }',
      'is nested deeper than 50 levels',
    ],
    [
      'a function where none may be',
      'export default { epochs: () => 3 }',
      'epochs is a function; functions may stand for model, optimizer, schedule, loss',
    ],
    [
      'a promise of a recipe',
      'export default Promise.resolve({})',
      'exports no recipe (its default export is Promise {…})',
    ],
    ['what is thrown and is no error', 'throw null', 'threw null, which is not an Error'],
    [
      'a package that is not there',
      "import 'no-such-package'\nexport default {}",
      "Cannot find package 'no-such-package'",
    ],
  ])(
    '%s',
    async (_, source, message) => {
      const { code, stdout, stderr } = await train(
        'refused.mjs',
        source.replace('export default {', 'export default { epochs: 5,').replace(/epochs: 5, (epochs)/, '$1'),
      )
      expect(stderr).toContain(message)
      expect(stderr).toMatch(/^fovea: \S*refused\.mjs: [^\n]+\n$/)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    },
    60_000,
  )
})

describe('a recipe that never settles', () => {
  const never = 'await new Promise(() => {})\nexport default { epochs: 1 }'
  it.each(['never.mjs', 'never.ts'])(
    '%s: ends when nothing is left that it could wait for',
    async name => {
      const { code, stderr } = await train(name, never)
      expect(stderr).toBe(
        `fovea: ${name}: never finishes loading: a top-level await waits for something that never happens\n`,
      )
      expect(code).toBe(2)
    },
    60_000,
  )

  it('ends after a time, and with what it left open, where something goes on', async () => {
    const { code, stderr } = await train('busy.mjs', `setInterval(() => {}, 1000)\n${never}`, {
      FOVEA_RECIPE_SECONDS: '1',
    })
    expect(stderr).toBe(
      'fovea: busy.mjs: did not finish loading in 1 seconds (FOVEA_RECIPE_SECONDS): a top-level await waits for something that never happens\n',
    )
    expect(code).toBe(2)
  }, 300_000)
})

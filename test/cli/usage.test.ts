/** Help, version, and command lines that cannot be meant. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fovea } from '../support/fovea.ts'

const here = process.cwd()

describe('help', () => {
  it.each(['train', 'eval', 'predict', 'summary', 'doctor'])('of %s has examples', async command => {
    const { code, stdout, stderr } = await fovea(here, [command, '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`Usage: fovea ${command} [options]`)
    expect(stdout).toMatch(new RegExp(`Examples:\n  fovea ${command}[ \n]`))
  })

  it('lists the commands, the exit codes and the environment', async () => {
    const { code, stdout } = await fovea(here, ['--help'])
    expect(code).toBe(0)
    for (const text of ['train', 'eval', 'predict', 'summary', 'Exit codes:', 'FOVEA_THREADS']) {
      expect(stdout).toContain(text)
    }
  })

  it('states the rule for dark strokes on light paper', async () => {
    const { stdout } = await fovea(here, ['predict', '--help'])
    expect(stdout).toContain('a picture is inverted when the median of the')
  })

  it('is what a call without a command shows, as a mistake', async () => {
    const { code, stdout, stderr } = await fovea(here, [])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('Usage: fovea')
  })
})

it('--version is that of the package', async () => {
  const { stdout } = await fovea(here, ['--version'])
  expect(stdout).toBe(`${JSON.parse(readFileSync('package.json', 'utf8')).version}\n`)
})

describe('mistakes', () => {
  it.each([
    [['trian'], "unknown command 'trian' (Did you mean train?)"],
    [['eval'], "missing required argument 'run'"],
    [['predict', 'run'], "missing required argument 'images'"],
    [['eval', 'run', '--split', 'tests'], 'Allowed choices are test, validation, train.'],
    [['eval', 'run', 'other'], 'too many arguments'],
    [['summary', '--batches', '3'], "unknown option '--batches' (Did you mean --batch?)"],
    [['summary', '--batch', '0'], 'expected a whole number of at least 1'],
    [['train', '--overfit', '20', '--resume', 'runs/lenet5'], "cannot be used with option '--resume <run>'"],
    [['train', '--overfit', '20', '--stop-after', '1'], "cannot be used with option '--stop-after <epoch>'"],
    [['search', '--vary', 'epochs=int(1, 2)', '--vary', 'epochs=int(3, 4)'], '--vary epochs: is given twice'],
    [['eval', 'run', '--mean', '0.5', '--std', '0.5'], '--mean: is for ONNX files; run says it itself'],
    [['predict', 'README.md', 'a.png', '--checkpoint', 'best'], '--checkpoint best: is for run folders; README.md has'],
    [['import', 'README.md', '--model', 'lenet5', '--input', '1x28x28'], '--input 1x28x28: is for ONNX files'],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await fovea(here, args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^fovea: [^\n]+\n$/)
    expect(stderr).toContain(message)
  })
})

it('doctor tells what the machine offers', async () => {
  const { code, stdout } = await fovea(here, ['doctor', '--threads', '1', '--json'])
  expect(code).toBe(0)
  const { node, threads, relaxedSimd, speed } = JSON.parse(stdout)
  expect({ node, threads, relaxedSimd }).toEqual({ node: process.versions.node, threads: 1, relaxedSimd: true })
  expect(speed.oneThread).toBeGreaterThan(0)
})

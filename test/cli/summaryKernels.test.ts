/** `fovea summary --kernels` as a process. */
import { describe, expect, it } from 'vitest'
import { nativeKernels } from '../../src/backends/native/native.ts'
import { fovea } from '../support/fovea.ts'

const here = process.cwd()
const native = nativeKernels('auto')

it('lists the kernels of a training step, with tiles, code, shares and the peak', async () => {
  const { code, stdout, stderr } = await fovea(here, [
    'summary',
    'lenet5',
    '--batch',
    '16',
    '--kernels',
    '--native',
    'off',
  ])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('The kernels of training, 16 images:')
  expect(stdout).toMatch(/measured peak \d+\.\d GFLOP\/s\.\n/)
  expect(stdout).toMatch(/^kernel +tile +code, bytes +calls +multiply-adds +ms +of time +GFLOP\/s +of peak$/m)
  expect(stdout).toMatch(
    /^forward \[16, 6, 28, 28\] +\d × \d+ +[\d,]+ +1 +\d+\.\d % +\d+\.\d{3} +\d+\.\d % +\d+\.\d +\d+\.\d %$/m,
  )
})

it('lists those of inference as JSON', async () => {
  const words = ['lenet5', '--batch', '4', '--kernels', 'inference', '--native', 'off', '--json']
  const { code, stdout } = await fovea(here, ['summary', ...words])
  expect(code).toBe(0)
  const { kernels: listing, totals } = JSON.parse(stdout)
  expect(listing).toMatchObject({ task: 'inference', batch: 4, wide: false })
  expect(listing).not.toHaveProperty('native')
  const sum = (field: string): number =>
    listing.kernels.reduce((total: number, kernel: Record<string, number>) => total + kernel[field], 0)
  expect(sum('multiplyAdds')).toBe(4 * totals.multiplyAdds)
  expect(sum('shareOfMultiplyAdds')).toBeCloseTo(1, 9)
  expect(sum('shareOfTime')).toBeCloseTo(1, 9)
  for (const { gflops, shareOfPeak, multiplyAdds, ownMultiplyAdds, milliseconds } of listing.kernels) {
    expect(ownMultiplyAdds).toBe(multiplyAdds)
    if (multiplyAdds === 0) expect(gflops).toBeUndefined()
    else expect(gflops).toBeCloseTo((2 * multiplyAdds) / milliseconds / 1e6, 6)
    if (gflops !== undefined) expect(shareOfPeak).toBeCloseTo(gflops / listing.peak, 9)
  }
})

describe.skipIf(!native.on)('native kernels', () => {
  it('are taken by themselves, and named', async () => {
    const { code, stdout } = await fovea(here, ['summary', 'lenet5', '--batch', '4', '--kernels'], {
      FOVEA_NATIVE: 'auto',
    })
    expect(code).toBe(0)
    expect(stdout).toContain(`GFLOP/s in native code (${native.reason}).\n`)
  })

  it('are left out when that is asked for', async () => {
    const words = ['summary', 'lenet5', '--batch', '4', '--kernels']
    const { stdout } = await fovea(here, words, { FOVEA_NATIVE: 'off' })
    expect(stdout).not.toContain('native')
  })
})

it('refuses a program that does not exist', async () => {
  const { code, stderr } = await fovea(here, ['summary', 'lenet5', '--kernels', 'backward'])
  expect(code).toBe(2)
  expect(stderr).toContain('Allowed choices are training, inference.')
})

/** Kernels of equal keys have equal code: what one shares with another is the whole of its spec. */
import { describe, expect, test } from 'vitest'
import { type KernelCode, kernelFunction, kernelKind } from '../../../src/backends/wasm/kernel.ts'
import { wasmTarget } from '../../../src/backends/wasm/target.ts'
import { findModel } from '../../../src/models/index.ts'
import { crossEntropy, ImageClassifier, normalize } from '../../../src/nn/index.ts'
import { sgd } from '../../../src/optim/index.ts'
import { makePlan } from '../../../src/plan/plan.ts'
import { predictionProgram, trainingProgram } from '../../../src/train/programs.ts'
import { KernelKeys } from '../../support/kernelKeys.ts'

describe('every call of a kernel in the plans of', () => {
  const keys = new KernelKeys()
  test.each([
    'lenet5',
    'lenet5-1998',
    'alexnet',
    'alexnet-2012',
    'zfnet',
    'vgg11-bn',
    'googlenet',
    'resnet18',
    'resnet50',
    'resnet20-cifar-b',
    'se-resnet50',
    'squeezenet1-0',
    'mobilenet-v2',
  ])('%s, in training and at inference, is one of the kernel that has its key', name => {
    const { create, inputShape } = findModel(name)
    const [channels, height, width] = inputShape
    const each = new Array<number>(channels).fill(0.5)
    const model = new ImageClassifier(normalize({ mean: each, std: each }), create())
    const before = keys.hits
    for (const program of [
      trainingProgram(model, [height, width, channels], 2, crossEntropy(), sgd({ lr: 0.1 })),
      predictionProgram(model, [height, width, channels], 1, false),
    ]) {
      for (const wide of [false, true]) keys.checkPlan(makePlan(program, wasmTarget({ wide })), wide)
    }
    expect(keys.hits).toBeGreaterThan(before)
  })
})

describe('keys', () => {
  const makeConstant = (value: number): KernelCode => ({
    units: 1,
    tables: [],
    operands: 1,
    emit(target) {
      const { f, address } = kernelFunction(target, 1)
      f.get(address[0]).f32(value).memory('f32.store')
      return f
    },
  })

  test('name the kind and hold the whole spec, whatever its order', () => {
    const constant = kernelKind('constant', ({ value }: { readonly value: number; readonly note?: string }) =>
      makeConstant(value),
    )
    expect(constant({ value: 1, note: 'one' }).key).toBe('constant {note:"one",value:1}')
    expect(constant({ note: 'one', value: 1 }).key).toBe(constant({ value: 1, note: 'one' }).key)
    const different = [{ value: 0 }, { value: -0 }, { value: Number.NaN }, { value: 1e-45 }, { value: 0, note: '' }]
    expect(new Set(different.map(spec => constant(spec).key)).size).toBe(different.length)
  })

  test('of specs that are no plain data are refused', () => {
    const kind = kernelKind('lazy', (value: () => number) => makeConstant(value()))
    expect(() => kind(() => 1)).toThrow('a function cannot be told from another by text')
  })

  test('a kernel that depends on more than its spec is found out', () => {
    let hidden = 0
    const kind = kernelKind('hidden', (_: number) => makeConstant(hidden))
    const keys = new KernelKeys()
    keys.check(kind(1))
    keys.check(kind(1))
    expect(keys.hits).toBe(1)
    hidden = 1
    expect(() => keys.check(kind(1))).toThrow('two kernels of the key hidden 1 differ')
  })
})

import { expect, it } from 'vitest'
import { input } from '../../src/graph/sources.ts'
import { lenet5 } from '../../src/models/index.ts'
import { ImageClassifier, inference, normalize, sequential } from '../../src/nn/index.ts'

const wrap = () => new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5())

it("keeps the network's paths, and so its initial weights", () => {
  const model = wrap().initialize(7)
  const plain = lenet5().initialize(7)
  expect([...model.variables().keys()]).toEqual([...plain.variables().keys()])
  expect([...model.variables().keys()][0]).toBe('conv1.weight')
  for (const [path, variable] of plain.variables()) {
    expect(model.variables().get(path)!.value).toEqual(variable.value)
    expect(model.variables().get(path)!.name).toBe(path)
  }
})

it('takes bytes [N, H, W, C] and gives logits', () => {
  const images = input('images', [3, 28, 28, 1], { dtype: 'u8', batched: true })
  expect(wrap().forward(images, inference()).shape).toEqual([3, 10])
})

it('names what does not fit by its path', () => {
  const wrong = input('images', [3, 28, 28, 3], { dtype: 'u8', batched: true })
  expect(() => wrap().forward(wrong, inference())).toThrow(
    'normalize: expected images u8 [N, H, W, 1], got u8 [3, 28, 28, 3]',
  )
})

it('lists each module once, also within another', () => {
  const model = wrap()
  const paths = [...model.modules()].map(([path]) => path)
  expect(paths.slice(0, 4)).toEqual(['', 'normalize', '', 'conv1'])
  expect([...sequential({ body: model }).variables().keys()][0]).toBe('body.conv1.weight')
})

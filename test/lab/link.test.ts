/** Links of the Lab: a state becomes a fragment of an address and comes back whole; what cannot be followed says why. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatLink, type Link, LinkError, parseLink, screens } from '../../lab/src/state/link.ts'
import { batchSizes, firstRecipe, type Intervention, optimizers, recipeFor } from '../../lab/src/state/recipe.ts'

const whole = fc.integer({ min: 0, max: 1_000_000 })
const rate = fc.double({ min: 1e-5, max: 1, noNaN: true })
const change = fc.oneof(
  fc.record({ at: whole, name: fc.constant('rate'), value: rate }),
  fc.record({ at: whole, name: fc.constant('momentum'), value: fc.double({ min: 0, max: 0.99, noNaN: true }) }),
  fc.record({ at: whole, name: fc.constant('batch'), value: fc.constantFrom(...batchSizes) }),
  fc.record({ at: whole, name: fc.constant('optimizer'), value: fc.constantFrom(...optimizers) }),
  fc.record({ at: whole, name: fc.constant('restart'), value: fc.constantFrom('fc1.116', 'conv2.3') }),
) as fc.Arbitrary<Intervention>

const link: fc.Arbitrary<Link> = fc.record(
  {
    recipe: fc.record(
      {
        model: fc.constantFrom('lenet5' as const, 'resnet20' as const),
        data: fc.constantFrom('mnist' as const, 'cifar10' as const),
        images: fc.integer({ min: 1, max: 60_000 }),
        seed: whole,
        rate,
        momentum: fc.constant(0.9),
        decay: fc.double({ min: 0, max: 0.1, noNaN: true }),
        batch: fc.constantFrom(...batchSizes),
        optimizer: fc.constantFrom(...optimizers),
        backend: fc.constant('webgpu' as const),
      },
      { requiredKeys: ['model', 'data', 'images', 'seed', 'rate', 'momentum', 'decay', 'batch', 'optimizer'] },
    ),
    interventions: fc.array(change, { maxLength: 4 }),
    step: whole,
    probe: whole,
    screen: fc.constantFrom(...screens),
    place: fc.record({ layer: fc.constantFrom('conv1', 'fc2'), unit: whole, row: whole, column: whole }),
  },
  { requiredKeys: ['recipe', 'interventions', 'screen'] },
)

describe('a link', () => {
  test('comes back as it was', () => {
    fc.assert(
      fc.property(link, state => {
        // 0 is written as 0, whatever its sign.
        expect(parseLink(formatLink(state))).toEqual(JSON.parse(JSON.stringify(state)))
      }),
    )
  })

  test('leaves out what is as on a first visit', () => {
    expect(formatLink({ recipe: firstRecipe, interventions: [], screen: 'train' })).toBe('#v=1&screen=train')
    expect(parseLink('')).toEqual({ recipe: firstRecipe, interventions: [], screen: 'train' })
  })

  test('of another network has its usual recipe', () => {
    const recipe = recipeFor('mlp', 'spirals')
    expect(formatLink({ recipe, interventions: [], screen: 'train' })).toBe('#v=1&screen=train&model=mlp&data=spirals')
    expect(parseLink('#model=mlp').recipe).toEqual(recipeFor('mlp', 'circles'))
    expect(parseLink('#model=resnet20').recipe).toMatchObject({ data: 'cifar10', images: 50_000, rate: 0.05 })
  })

  test('to pictures of one’s own holds by what they are known again', () => {
    const recipe = { ...recipeFor('convnet', 'own'), pictures: '0123456789abcdef' }
    expect(parseLink(formatLink({ recipe, interventions: [], screen: 'train' })).recipe).toEqual(recipe)
  })

  test('says which training a graphics processor computes', () => {
    const recipe = { ...firstRecipe, backend: 'webgpu' as const }
    expect(formatLink({ recipe, interventions: [], screen: 'train' })).toBe('#v=1&screen=train&backend=webgpu')
    expect(parseLink('#backend=wasm').recipe).toEqual(firstRecipe)
    expect(() => parseLink('#backend=webgl')).toThrow('This link has backend=webgl; expected wasm, webgpu.')
  })

  test('can be read by people', () => {
    const state: Link = {
      recipe: { ...firstRecipe, seed: 7 },
      interventions: [{ at: 812, name: 'rate', value: 0.05 }],
      step: 900,
      screen: 'train',
      place: { layer: 'conv2', unit: 11 },
    }
    expect(formatLink(state)).toBe('#v=1&screen=train&seed=7&step=900&place=conv2:11&do=812:rate:0.05')
  })

  test.each([
    ['#v=2&screen=train', /version 2 of the Lab's links; this Lab reads version 1/],
    ['#rate=much', /rate=much; expected a number up to 1/],
    ['#rate=-1', /rate=-1; expected a number up to 1/],
    ['#batch=48', /batch=48; expected 16, 32, 64, 128/],
    ['#step=1.5', /step=1\.5; expected a whole number from 0/],
    ['#screen=none', /screen=none; expected train/],
    ['#do=5:rate', /rate=; expected a number up to 1/],
    ['#do=5:restart:fc1', /do=5:restart:fc1; expected layer\.unit/],
    ['#model=vgg16', /model=vgg16; expected lenet5, convnet, resnet20, mlp, perceptron/],
    ['#model=mlp&data=mnist', /data=mnist; expected circles, moons, xor, spirals for model=mlp/],
    ['#data=own&pictures=1', /pictures=1; expected 16 hexadecimal digits/],
    ['#place=conv1:1:2:3:4', /place=conv1:1:2:3:4; expected layer:map:row:column/],
  ])('that cannot be followed says why: %s', (fragment, message) => {
    expect(() => parseLink(fragment)).toThrow(LinkError)
    expect(() => parseLink(fragment)).toThrow(message)
  })
})

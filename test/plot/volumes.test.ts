import { describe, expect, it } from 'vitest'
import { summarize } from '../../src/inspect/index.ts'
import { findModel, models } from '../../src/models/index.ts'
import type { VolumeLayer } from '../../src/plot/volumeLayer.ts'
import { volumes } from '../../src/plot/volumes.ts'
import { renderSvg } from '../support/svg.ts'

function drawingOf(name: Parameters<typeof findModel>[0]): string {
  const { create, inputShape } = findModel(name)
  return volumes(summarize(create().assignPaths(), inputShape).rows, { title: name })
}

/** Pop-up title, three faces and labels of every box, in order. */
function boxesOf(svg: string) {
  return [...svg.matchAll(/<g><title>([^<]*)<\/title>(.*?)<\/g>/gs)].map(([, title, content]) => ({
    title,
    faces: [...content.matchAll(/<path d="M([^"]*)Z"/g)].map(match => match[1].split(/[L ]/).map(Number)),
    labels: [...content.matchAll(/<text[^>]*>([^<]*)</g)].map(match => match[1]),
    middle: Number(/<text x="([\d.]+)"/.exec(content)?.[1]),
    baseline: Number(/<text x="[\d.]+" y="([\d.]+)"/.exec(content)?.[1]),
  }))
}

/** Points of the arrow heads. */
const arrowsOf = (svg: string): number[][] =>
  [...(/<g class="fovea-wires".*?<\/g>/s.exec(svg)?.[0] ?? '').matchAll(/M([\d.-]+) ([\d.-]+)l/g)].map(([, x, y]) => [
    Number(x),
    Number(y),
  ])

const layer = (path: string, output: number[], type = 'Conv2d'): VolumeLayer => ({
  path,
  type,
  output,
  parameters: 1,
  activationBytes: 4,
})

describe('volumes', () => {
  it('of LeNet-5 look as they did', async () => {
    await expect(drawingOf('lenet5')).toMatchFileSnapshot('snapshots/volumes-of-lenet5.svg')
  })

  it('of LeNet-5 are the eight of the lectures, with their sizes, kinds and names', async () => {
    const svg = drawingOf('lenet5')
    expect(boxesOf(svg).map(({ labels }) => labels)).toEqual([
      ['28×28×1', 'input'],
      ['28×28×6', 'conv 5×5', 'conv1'],
      ['14×14×6', 'max pool 2×2 / 2', 'pool1'],
      ['10×10×16', 'conv 5×5', 'conv2'],
      ['5×5×16', 'max pool 2×2 / 2', 'pool2'],
      ['120', 'linear', 'fc1'],
      ['84', 'linear', 'fc2'],
      ['10', 'linear', 'fc3'],
    ])
    expect(boxesOf(svg)[1].title).toBe('conv1: Conv2d 5×5, padding 2, 28×28×6, 156 parameters\nthen relu1: ReLU')
    const image = await renderSvg(svg)
    expect(image.count((r, g, b) => b > r + 40 && b > g)).toBeGreaterThan(5000)
    expect(image.count((r, _, b) => r > b + 40)).toBeGreaterThan(3000)
  })

  it('have edges that grow with the square root of height, width and channels', () => {
    const [small, large] = boxesOf(volumes([layer('a', [16, 25, 25]), layer('b', [64, 100, 100])], { title: 't' }))
    // The front is drawn last, from its upper left corner clockwise; the side second, from the front to the back.
    const edges = ({ faces }: typeof small) => {
      const [, side, front] = faces
      return { channels: front[2] - front[0], height: front[5] - front[3], width: side[2] - side[0] }
    }
    for (const edge of ['channels', 'height', 'width'] as const) {
      expect(edges(large)[edge] / edges(small)[edge]).toBeCloseTo(2, 1)
    }
  })

  it('of a branching network stand in the order of computation, bracketed by block', () => {
    const svg = drawingOf('resnet18')
    const boxes = boxesOf(svg)
    expect(boxes).toHaveLength(1 + 20 + 1 + 1 + 1) // image, convolutions, max pool, average pool, classifier
    expect(boxes.slice(7, 10).map(({ labels }) => labels[2])).toEqual(['conv1', 'conv2', 'downsample.0'])
    for (const block of ['layer1.0', 'layer2.1', 'layer4.1']) expect(svg).toContain(`font-weight="600">${block}</text>`)
    expect(boxes[8].title).toContain('then layer2.0.bn2: BatchNorm2d')
  })

  it.each(Object.keys(models) as (keyof typeof models)[])('of %s keep inside the page', name => {
    const svg = drawingOf(name)
    const [width, height] = (/viewBox="-6 0 (\d+) (\d+)"/.exec(svg) ?? []).slice(1).map(Number)
    expect(width).toBeLessThanOrEqual(1132)
    const boxes = boxesOf(svg)
    boxes.forEach(({ faces, middle, baseline }, i) => {
      const points = faces.flat()
      const [xs, ys] = [points.filter((_, k) => k % 2 === 0), points.filter((_, k) => k % 2 === 1)]
      expect(Math.min(...xs, ...ys)).toBeGreaterThanOrEqual(0)
      expect(Math.max(...xs)).toBeLessThanOrEqual(width)
      expect(Math.max(...ys)).toBeLessThan(baseline)
      expect(baseline).toBeLessThan(height)
      // Boxes of a line do not touch.
      const next = boxes[i + 1]
      if (next?.baseline === baseline) {
        expect(next.middle).toBeGreaterThan(middle)
        expect(Math.min(...next.faces.flat().filter((_, k) => k % 2 === 0))).toBeGreaterThan(Math.max(...xs))
      }
    })
  })

  it('of a network without branches have no arrows; of one with residual blocks they have, and a circle for each sum', () => {
    for (const name of ['lenet5', 'vgg16'] as const) expect(drawingOf(name)).not.toContain('fovea-wires')
    const svg = drawingOf('resnet18')
    expect(
      [...svg.matchAll(/<g class="fovea-junction"><title>(.*?)<\/title>.*?<text[^>]*>(.)</gs)].map(m => m[2]),
    ).toEqual(new Array(8).fill('+'))
    expect(svg).toContain('<title>layer2.0: BasicBlock, 28×28×128\nthen layer2.0.relu: ReLU</title>')
    // One for each of 32 boxes but the image, 8 more for what meets in the sums, 2 to the ends of lines.
    expect(arrowsOf(svg)).toHaveLength(31 + 8 + 2)
  })

  it('of squeeze and excitation are multiplied', () => {
    const symbols = [...drawingOf('se-resnet18').matchAll(/fovea-junction">.*?<text[^>]*>(.)</gs)].map(m => m[1])
    expect(symbols).toEqual(new Array(8).fill(['×', '+']).flat())
  })

  it.each(['resnet50', 'googlenet', 'mobilenet-v2', 'senet154'] as const)('of %s have arrows inside the page', name => {
    const svg = drawingOf(name)
    const [width, height] = (/viewBox="-6 0 (\d+) (\d+)"/.exec(svg) ?? []).slice(1).map(Number)
    const lines = /<g class="fovea-wires".*?<path d="([^"]*)"/s.exec(svg)?.[1] ?? ''
    const points = [...lines.matchAll(/([\d.-]+) ([\d.-]+)/g)].map(([, x, y]) => [Number(x), Number(y)])
    expect(points.length).toBeGreaterThan(50)
    for (const [x, y] of points) {
      expect(x).toBeGreaterThanOrEqual(0)
      expect(x).toBeLessThanOrEqual(width)
      expect(y).toBeGreaterThanOrEqual(0)
      expect(y).toBeLessThan(height)
    }
    // An arrow arrives at every box but the image's: at its left, or at the top of a circle.
    const ends = new Set(arrowsOf(svg).map(([x]) => Math.round(x)))
    for (const { faces } of boxesOf(svg).slice(1)) expect(ends).toContain(Math.round(faces[2][0]))
  })

  it('stand after what they read, although a block is listed after its layers', () => {
    // The block adds first and convolves then.
    const rows: VolumeLayer[] = [
      { ...layer('input', [4, 8, 8], 'Input'), inputs: [] },
      { ...layer('a', [4, 8, 8]), inputs: [0] },
      { ...layer('block.conv', [4, 8, 8]), inputs: [3] },
      { ...layer('block', [4, 8, 8], 'Block'), activationBytes: 0, inputs: [0, 1], combines: 'add' },
    ]
    const svg = volumes(rows, { title: 'net' })
    const order = [...svg.matchAll(/<title>(input|a|block[.a-z]*):/g)].map(m => m[1])
    expect(order).toEqual(['input', 'a', 'block', 'block.conv'])
    expect(arrowsOf(svg)).toHaveLength(4)
  })

  it('escape names', () => {
    expect(volumes([layer('<b>&', [1, 2, 2])], { title: '"<i>' })).toContain('<title>&quot;&lt;i&gt;</title>')
  })

  it('refuse nothing to draw, and sizes that are none', () => {
    expect(() => volumes([], { title: 'net' })).toThrow('net: expected at least one layer')
    expect(() => volumes([layer('conv1', [6, 0, 28])], { title: 'net' })).toThrow(
      'conv1: the output [6, 0, 28] must have sizes that are whole numbers ≥ 1',
    )
  })
})

/** The state of the Lab's page, with what stands for its worker: what it asks for, and what it makes of the answers. */
import { beforeEach, describe, expect, test } from 'vitest'
import { Lab, type Trainer } from '../../lab/src/state/lab.ts'
import { type Link, parseLink } from '../../lab/src/state/link.ts'
import type { Answer, Command, Look, Opened, Statistics } from '../../lab/src/worker/protocol.ts'

const opened: Opened = {
  recipe: parseLink('').recipe,
  classes: [...'0123456789'],
  shape: [28, 28, 1],
  layers: [],
  testImages: new Uint8Array(3 * 784),
  testLabels: Uint8Array.of(7, 2, 1),
  stepsPerEpoch: 100,
  threads: 2,
}

/** Hears what the page asks for, and answers. */
class Script implements Trainer {
  onmessage: ((event: MessageEvent<Answer>) => void) | null = null
  readonly asked: Command[] = []
  postMessage(command: Command): void {
    this.asked.push(command)
  }
  say(answer: Answer): void {
    this.onmessage?.({ data: answer } as MessageEvent<Answer>)
  }
  /** Losses of steps up to one. */
  train(from: number, to: number, loss = 1): void {
    this.say({ type: 'steps', from, losses: new Float32Array(to - from).fill(loss), step: to })
  }
  last(): Command | undefined {
    return this.asked.at(-1)
  }
}

const lookAt = (step: number): Look => ({
  step,
  volumes: [],
  layers: [],
  logits: new Float32Array(10),
  probabilities: new Float32Array(10),
  loss: 1,
  target: 0,
})

const statisticsAt = (step: number): Statistics => ({
  step,
  count: 0,
  layers: [],
  probabilities: new Float32Array(0),
  accuracy: 0,
})

let lab: Lab
let script: Script

function begin(link: Link = parseLink('')): void {
  lab = new Lab()
  script = new Script()
  lab.open(script, link, { folder: 'data/' })
  script.say({ type: 'opened', ...opened })
}
beforeEach(() => begin())

describe('the Lab', () => {
  test('trains for five epochs on a first visit', () => {
    expect(script.asked.map(({ type }) => type)).toEqual(['open', 'play', 'probe'])
    expect(script.asked.at(-2)).toEqual({ type: 'play', until: 500 })
    expect(lab.playing.value).toBe(true)
  })

  test('trains up to the step of a link, with what was changed', () => {
    begin(parseLink('#step=40&do=3:rate:0.1&probe=2'))
    expect(script.asked.map(({ type }) => type)).toEqual(['open', 'interventions', 'play', 'probe'])
    expect(script.asked.at(-2)).toEqual({ type: 'play', until: 40 })
    expect(lab.probe.value).toMatchObject({ name: 'test image 2', label: 1 })
  })

  test('says when a link needs more images than there are', () => {
    lab = new Lab()
    lab.open(script, parseLink('#step=40'), { folder: 'data/' })
    script.say({ type: 'opened', ...opened, recipe: { ...opened.recipe, images: 2000 } })
    expect(lab.problem.value?.message).toMatch(/trained on 60000 images of MNIST; only 2000 are here/)
  })

  test('moves the playhead at once, and back by nothing that is no longer asked for', () => {
    script.train(0, 50)
    lab.goTo(30)
    lab.stepBy(-1)
    lab.stepBy(-1)
    expect(lab.step.value).toBe(28)
    script.say({ type: 'state', step: 50, playing: false })
    expect(lab.step.value).toBe(28)
    script.say({ type: 'state', step: 28, playing: false })
    expect([lab.step.value, lab.playing.value]).toEqual([28, false])
  })

  test('goes no further than one step beyond what was trained', () => {
    script.train(0, 50)
    lab.goTo(1000)
    expect(script.last()).toEqual({ type: 'goto', step: 51 })
  })

  test('brings a usual rate along with another optimizer', () => {
    lab.set({ name: 'optimizer', value: 'adam' })
    expect(script.asked.slice(-2)).toEqual([
      { type: 'set', change: { name: 'optimizer', value: 'adam' } },
      { type: 'set', change: { name: 'rate', value: 0.001 } },
    ])
  })

  test('asks for nothing when a control is set to what it is', () => {
    const before = script.asked.length
    lab.set({ name: 'batch', value: 64 })
    expect(script.asked).toHaveLength(before)
  })

  test('stops where the loss breaks, says at which rate, and leads back', () => {
    script.train(0, 50)
    script.train(50, 51, Number.NaN)
    expect(lab.playing.value).toBe(false)
    expect(lab.problem.value?.message).toMatch(/^The loss is NaN at step 51, with the rate 0\.01:/)
    lab.problem.value?.remedy?.act()
    expect(lab.problem.value).toBeUndefined()
    expect(script.last()).toEqual({ type: 'goto', step: 31 })
  })

  test('keeps what was learned when images do not come, and asks again', () => {
    script.train(0, 50)
    script.say({ type: 'failed', kind: 'data', message: 'The images cannot be read.' })
    expect([lab.playing.value, lab.step.value, lab.lines.value.head]).toEqual([false, 50, 50])
    lab.problem.value?.remedy?.act()
    expect(script.last()).toMatchObject({ type: 'play' })
  })

  test('says what to do when the memory is full', () => {
    script.say({ type: 'failed', kind: 'memory', message: '5 GB do not fit' })
    expect(lab.problem.value?.message).toBe(
      'The memory is full: 5 GB do not fit. What was learned is kept; a smaller batch needs less.',
    )
  })

  test('trains up to the same step again when the graphics processor is lost, on a new engine', () => {
    const recipe = { ...opened.recipe, backend: 'webgpu' as const }
    begin(parseLink('#backend=webgpu'))
    script.say({ type: 'opened', ...opened, recipe })
    script.train(0, 50)
    script.say({ type: 'changed', at: 50, interventions: [{ at: 50, name: 'rate', value: 0.1 }] })
    script.train(50, 60)
    script.say({ type: 'failed', kind: 'graphics', message: 'the graphics device was lost' })
    expect(lab.problem.value?.message).toBe('The graphics processor has stopped: the graphics device was lost.')
    lab.problem.value?.remedy?.act()
    expect(script.last()).toMatchObject({ type: 'open', recipe })
    script.say({ type: 'opened', ...opened, recipe })
    expect(script.asked.slice(-3)).toMatchObject([
      { type: 'interventions', interventions: [{ at: 50, name: 'rate', value: 0.1 }] },
      { type: 'play', until: 60 },
      { type: 'probe' },
    ])
  })

  test('trains with WebAssembly where there is no graphics processor for a link', () => {
    lab = new Lab()
    script = new Script()
    lab.open(script, parseLink('#backend=webgpu&step=40'), { folder: 'data/' })
    script.say({ type: 'failed', kind: 'graphics', message: 'webgpu: this browser has no WebGPU' })
    expect(lab.problem.value?.message).toBe(
      'This training asks for a graphics processor. webgpu: this browser has no WebGPU.',
    )
    lab.problem.value?.remedy?.act()
    expect(script.last()).toMatchObject({ type: 'open', recipe: { seed: 0 } })
    expect(lab.recipe.value.backend).toBeUndefined()
    script.say({ type: 'opened', ...opened })
    expect(script.asked.slice(-2)).toMatchObject([{ type: 'play', until: 40 }, { type: 'probe' }])
  })

  test('finds mistakes among the test images by the last statistics', () => {
    const probabilities = new Float32Array(30)
    // Right, wrong, right.
    for (const [image, answer] of [7, 3, 1].entries()) probabilities[image * 10 + answer] = 1
    script.say({ type: 'statistics', statistics: { step: 5, count: 3, layers: [], probabilities, accuracy: 2 / 3 } })
    expect(lab.mistakes.value).toEqual([1])
    lab.next('mistake')
    expect(lab.probe.value).toMatchObject({ index: 1, label: 2 })
  })

  test('shows a look and statistics in frames of their own while it trains, in the order in which they came', () => {
    const frames: (() => void)[] = []
    lab = new Lab(draw => frames.push(draw))
    lab.open(script, parseLink(''), { folder: 'data/' })
    script.say({ type: 'opened', ...opened })
    const nextFrame = (): void => {
      for (const draw of frames.splice(0)) draw()
    }
    nextFrame()
    const say = {
      look: (step: number) => script.say({ type: 'look', look: lookAt(step) }),
      statistics: (step: number) => script.say({ type: 'statistics', statistics: statisticsAt(step) }),
    }
    const shown = (): unknown[] => [lab.look.value?.step, lab.statistics.value?.step, lab.step.value]
    say.look(1)
    script.train(0, 2)
    say.look(2)
    say.statistics(2)
    script.train(2, 3)
    expect(shown()).toEqual([undefined, undefined, 0])
    nextFrame()
    expect(shown()).toEqual([2, undefined, 2])
    nextFrame()
    expect(shown()).toEqual([2, 2, 3])
    nextFrame()
    expect(frames).toEqual([])
    // At rest nothing waits for a frame.
    say.look(3)
    say.statistics(3)
    script.say({ type: 'state', step: 3, playing: false })
    nextFrame()
    nextFrame()
    expect(shown()).toEqual([3, 3, 3])
    say.statistics(4)
    expect(shown()).toEqual([3, 4, 3])
  })

  test('has the whole of it in its link', () => {
    script.train(0, 50)
    script.say({ type: 'changed', at: 50, interventions: [{ at: 50, name: 'rate', value: 0.5 }] })
    lab.showTest(2)
    expect(lab.link()).toBe('#v=1&screen=train&step=50&probe=2&do=50:rate:0.5')
    expect(parseLink(lab.link())).toMatchObject({ step: 50, probe: 2 })
  })
})

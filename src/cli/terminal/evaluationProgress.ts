/** Progress of commands that read images without training on them: one bar on a terminal, one line elsewhere. */
import cliProgress from 'cli-progress'
import { formatCount } from '../../text/format.ts'
import { progressStyle } from './progress.ts'

/** Shows how many images are done. Call `close` at the end, even after an error. */
export class EvaluationProgress {
  readonly #bar: cliProgress.SingleBar | undefined

  /**
   * @param what the images being read: `test images`
   * @param images their number
   */
  constructor(stream: NodeJS.WriteStream, what: string, images: number) {
    if (progressStyle(stream, process.env) === 'lines') {
      stream.write(`evaluating ${formatCount(images)} ${what}\n`)
      return
    }
    this.#bar = new cliProgress.SingleBar({
      stream,
      format: `${what} ▕{bar}▏ {percentage} %`,
      barsize: 24,
      barCompleteChar: '█',
      barIncompleteChar: ' ',
      // See `progress.ts`: neither is undone when the process is killed.
      linewrap: true,
      gracefulExit: false,
      clearOnComplete: true,
    })
    this.#bar.start(images, 0)
  }

  /** @param images done so far */
  update(images: number): void {
    this.#bar?.update(images)
  }

  /** Takes the bar away. */
  close(): void {
    this.#bar?.stop()
  }
}

/** Milliseconds of work that need no progress display. */
const patience = 2000

/** Shows how many images a frozen trunk has processed, when that takes longer than two seconds. */
export class FeatureProgress {
  readonly #stream: NodeJS.WriteStream
  readonly #started = performance.now()
  #shown: EvaluationProgress | undefined

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  /** @param images number of images done so far, out of `of` */
  update(images: number, of: number): void {
    if (images < of && performance.now() - this.#started > patience) {
      this.#shown ??= new EvaluationProgress(this.#stream, 'images for their features', of)
    }
    this.#shown?.update(images)
    if (images >= of) this.close()
  }

  /** Removes the bar. */
  close(): void {
    this.#shown?.close()
  }
}

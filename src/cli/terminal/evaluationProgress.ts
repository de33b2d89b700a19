/** Progress of what looks at images without training on them: one bar on a terminal, one line elsewhere. */
import cliProgress from 'cli-progress'
import { formatCount } from '../../text/format.ts'
import { progressStyle } from './progress.ts'

/** Shows how many images are done. Call `close` at the end, however it comes. */
export class EvaluationProgress {
  readonly #bar: cliProgress.SingleBar | undefined

  /**
   * @param what is being read: `test images`
   * @param images how many there are
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

/** Milliseconds of work that nobody needs to be told of. */
const patience = 2000

/** Shows how far a frozen trunk is with all images, when that takes longer than two seconds. */
export class FeatureProgress {
  readonly #stream: NodeJS.WriteStream
  readonly #started = performance.now()
  #shown: EvaluationProgress | undefined

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  /** @param images done so far, of how many */
  update(images: number, of: number): void {
    if (images < of && performance.now() - this.#started > patience) {
      this.#shown ??= new EvaluationProgress(this.#stream, 'images for their features', of)
    }
    this.#shown?.update(images)
    if (images >= of) this.close()
  }

  /** Takes the bar away. */
  close(): void {
    this.#shown?.close()
  }
}

/** Progress of an evaluation: one bar on a terminal, one line elsewhere. */
import cliProgress from 'cli-progress'
import { formatCount } from '../plot/format.ts'
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

/** What a study shows while it runs: a line that is redrawn on a terminal, lines elsewhere. */
import { describe, expect, it } from 'vitest'
import { StudyProgress, type StudyProgressOptions } from '../../src/cli/study/studyProgress.ts'

function written(options: StudyProgressOptions, use: (progress: StudyProgress) => void, columns = 40): string {
  let text = ''
  const stream = {
    columns,
    write(part: string) {
      text += part
      return true
    },
  } as unknown as NodeJS.WriteStream
  use(new StudyProgress({ stream, ...options }))
  return text
}

const study = (progress: StudyProgress): void => {
  progress.begin('t001', 'optimizer.lr=0.1', true)
  progress.begin('t002', undefined, false)
  progress.epoch('t001', { epoch: 1, accuracy: 0.5, loss: 1.25 }, 3)
  progress.end('t001')
  progress.say('t001 is done')
  progress.close()
}

describe('a study', () => {
  it('is lines in a file', () => {
    expect(written({ style: 'lines' }, study).split('\n')).toEqual([
      't001  optimizer.lr=0.1  begins',
      't002  goes on',
      't001  epoch 1 of 3: accuracy 50.00 %, loss 1.25',
      't001 is done',
      '',
    ])
  })

  it('is one line below what stays on a terminal, cut to its width, and gone at the end', () => {
    const away = '\r\u001b[K'
    expect(written({ style: 'bar' }, study).split(away)).toEqual([
      't001 optimizer.lr=0.1 begins',
      't001 optimizer.lr=0.1 begins  ·  t002 g',
      't001 epoch 1/3 50.0 %  ·  t002 goes on',
      't002 goes on',
      't001 is done\nt002 goes on',
      '',
    ])
    const many = written({ style: 'bar' }, progress => {
      for (let k = 1; k < 9; k++) progress.begin(`t00${k}`, undefined, true)
    })
    expect(many.split(away).at(-1)).toHaveLength(39)
    // A terminal that does not know its width.
    const begins = (progress: StudyProgress) => progress.begin('t001', undefined, true)
    expect(written({ style: 'bar' }, begins, 0)).toBe('t001 begins')
  })

  it('is silent when it is to be quiet, or JSON is asked for', () => {
    expect(written({ style: 'lines', quiet: true }, study)).toBe('')
    expect(written({ style: 'bar', json: true }, study)).toBe('')
  })
})

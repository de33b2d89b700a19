import { describe, expect, it, vi } from 'vitest'
import { checkProgress, downloadProgress } from '../../src/cli/terminal/progressLines.ts'

const mebibyte = 2 ** 20

describe('progress before a run', () => {
  it('tells of a download every tenth of the way', () => {
    const lines: string[] = []
    const tell = downloadProgress('cifar10', text => lines.push(text.replaceAll('\u00a0', ' ')))
    for (let done = 0; done <= 160; done++) tell(done * mebibyte, 160 * mebibyte)
    expect(lines).toHaveLength(11)
    expect(lines[0]).toBe('downloading cifar10: 0 B of 160 MiB\n')
    expect(lines[10]).toBe('downloading cifar10: 160 MiB of 160 MiB\n')
  })

  it('tells of a download of unknown size every 20 MiB', () => {
    const lines: string[] = []
    const tell = downloadProgress('cifar10', text => lines.push(text.replaceAll('\u00a0', ' ')))
    for (let done = 0; done <= 50; done++) tell(done * mebibyte, undefined)
    expect(lines).toEqual([0, 20, 40].map(done => `downloading cifar10: ${done === 0 ? '0 B' : `${done}.0 MiB`}\n`))
  })

  it('tells of pictures that are checked when that takes longer than two seconds', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const lines: string[] = []
      const tell = checkProgress('photos', text => lines.push(text.replaceAll('\u00a0', ' ')))
      for (let done = 1; done <= 30_000; done++) {
        if (done === 15_000) vi.advanceTimersByTime(2001)
        tell(done, 30_000)
      }
      expect(lines[0]).toBe('checking photos: 15,000 of 30,000 pictures\n')
      expect(lines).toHaveLength(6)
    } finally {
      vi.useRealTimers()
    }
  })
})

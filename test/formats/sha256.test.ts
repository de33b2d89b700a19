/** SHA-256 without Web Crypto, against Node's. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { hashOf, sha256 } from '../../src/formats/sha256.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const oracle = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('our own', () => {
  it("gives the standard's examples", () => {
    const text = (value: string) => hex(hashOf(new TextEncoder().encode(value)))
    expect(text('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    expect(text('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  })

  it("agrees with Node's at every length around the blocks of 64 bytes", () => {
    for (let length = 0; length < 260; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7 + length)
      expect(hex(hashOf(bytes)), `${length}`).toBe(oracle(bytes))
    }
  })

  it("agrees with Node's on random bytes, wherever they begin in memory", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(10), (bytes, start) => {
        const part = bytes.subarray(start)
        expect(hex(hashOf(part))).toBe(oracle(part))
      }),
    )
  })
})

describe('sha256', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
  })
  const bytes = Uint8Array.of(1, 2, 3)

  it('takes Web Crypto, where there is one', async () => {
    const digest = vi.spyOn(crypto.subtle, 'digest')
    expect(await sha256(bytes)).toBe(oracle(bytes))
    expect(digest).toHaveBeenCalledTimes(1)
    digest.mockRestore()
  })

  it('does without on a page of plain http, which has none', async () => {
    vi.stubGlobal('crypto', {})
    expect(await sha256(bytes)).toBe(oracle(bytes))
  })

  it('takes shared memory', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3))
    shared.set(bytes)
    expect(await sha256(shared)).toBe(oracle(bytes))
  })
})

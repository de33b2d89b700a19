/**
 * SHA-256 of bytes: by Web Crypto where possible, else by the code below. Web Crypto is missing on pages over plain
 * http, and takes less than 2 GiB.
 *
 * Source: FIPS 180-4, "Secure Hash Standard", sections 4.1.2, 5 and 6.2.
 */

/** The hash of some bytes, hexadecimal. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  // Absent where the page is not a secure context, although its type does not say so.
  const { subtle } = crypto as { readonly subtle?: SubtleCrypto }
  if (!subtle || bytes.length >= 2 ** 31) return hexOf(hashOf(bytes))
  // Web Crypto refuses shared memory, so only shared memory is copied.
  const plain = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
  return hexOf(new Uint8Array(await subtle.digest('SHA-256', plain)))
}

/** Bytes as hexadecimal digits. */
export const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')

/** Bytes of a block. */
const blockBytes = 64

/** The hash, without Web Crypto. */
export function hashOf(bytes: Uint8Array): Uint8Array {
  const state = Int32Array.from(initial)
  const whole = bytes.length - (bytes.length % blockBytes)
  addBlocks(state, bytes.subarray(0, whole))
  // The remaining bytes, a 1 bit, zeros, and the length in bits: one block or two.
  const rest = bytes.length - whole
  const end = new Uint8Array(rest + 9 > blockBytes ? 2 * blockBytes : blockBytes)
  end.set(bytes.subarray(whole))
  end[rest] = 0x80
  new DataView(end.buffer).setBigUint64(end.length - 8, 8n * BigInt(bytes.length))
  addBlocks(state, end)
  const hash = new DataView(new ArrayBuffer(32))
  for (const [i, word] of state.entries()) hash.setInt32(4 * i, word)
  return new Uint8Array(hash.buffer)
}

/** Mixes whole blocks into the state. */
function addBlocks(state: Int32Array, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const words = new Int32Array(64)
  for (let start = 0; start < bytes.length; start += blockBytes) {
    for (let t = 0; t < 16; t++) words[t] = view.getInt32(start + 4 * t)
    for (let t = 16; t < 64; t++) {
      const a = words[t - 15]!
      const b = words[t - 2]!
      const sigma0 = turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)
      const sigma1 = turn(b, 17) ^ turn(b, 19) ^ (b >>> 10)
      words[t] = (words[t - 16]! + sigma0 + words[t - 7]! + sigma1) | 0
    }
    let a = state[0]!
    let b = state[1]!
    let c = state[2]!
    let d = state[3]!
    let e = state[4]!
    let f = state[5]!
    let g = state[6]!
    let h = state[7]!
    for (let t = 0; t < 64; t++) {
      const choice = (e & f) ^ (~e & g)
      const majority = (a & b) ^ (a & c) ^ (b & c)
      const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + constants[t]! + words[t]!) | 0
      const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority) | 0
      h = g
      g = f
      f = e
      e = (d + first) | 0
      d = c
      c = b
      b = a
      a = (first + second) | 0
    }
    state[0]! += a
    state[1]! += b
    state[2]! += c
    state[3]! += d
    state[4]! += e
    state[5]! += f
    state[6]! += g
    state[7]! += h
  }
}

/** A 32-bit word, rotated to the right. */
const turn = (word: number, bits: number) => (word >>> bits) | (word << (32 - bits))

const primes = firstPrimes(64)

/** First 32 bits of the fractional parts of the square roots of the first 8 primes. */
const initial = primes.slice(0, 8).map(prime => fractionBits(Math.sqrt(prime)))

/** The same of the cube roots of the first 64 primes. */
const constants = Int32Array.from(primes, prime => fractionBits(Math.cbrt(prime)))

function fractionBits(value: number): number {
  return Math.floor((value % 1) * 2 ** 32)
}

function firstPrimes(count: number): number[] {
  const found: number[] = []
  for (let n = 2; found.length < count; n++) if (found.every(prime => n % prime !== 0)) found.push(n)
  return found
}

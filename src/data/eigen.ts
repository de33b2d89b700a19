/**
 * Eigenvalues and eigenvectors of a symmetric matrix: Householder reflections to a tridiagonal matrix, then QL steps
 * with implicit shifts (Bowdler, Martin, Reinsch, Wilkinson, "The QR and QL algorithms for symmetric matrices", 1968;
 * the routines tred2 and tql2 of EISPACK). About 6 n³ operations: 784 × 784 takes some seconds, 3,072 × 3,072 several
 * minutes.
 */

/** Eigenvalues and eigenvectors of a symmetric matrix. */
export interface SymmetricEigen {
  /** Largest first. */
  readonly values: Float64Array
  /** `[n, n]`, row k is the unit eigenvector of value k; its largest component is positive. */
  readonly vectors: Float64Array
}

/**
 * The eigenvalues and eigenvectors of a symmetric matrix.
 * @param matrix `[n, n]`, row-major; only its upper triangle is used. It is not changed.
 */
export function symmetricEigen(matrix: Float64Array, n: number): SymmetricEigen {
  // Row j of `z` is column j of the vectors in the papers, so that all inner loops run along rows.
  const z = matrix.slice()
  const d = new Float64Array(n)
  const e = new Float64Array(n)
  tridiagonalize(z, d, e, n)
  diagonalize(z, d, e, n)
  const order = Array.from({ length: n }, (_, k) => k).sort((a, b) => d[b]! - d[a]!)
  const vectors = new Float64Array(n * n)
  order.forEach((from, to) => {
    const vector = z.subarray(from * n, (from + 1) * n)
    const largest = vector.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0)
    for (let k = 0; k < n; k++) vectors[to * n + k] = largest < 0 ? -vector[k]! : vector[k]!
  })
  return { values: Float64Array.from(order, k => d[k]!), vectors }
}

/** Householder reflections: diagonal in `d`, subdiagonal in `e`, the product of the reflections in `z`. */
function tridiagonalize(z: Float64Array, d: Float64Array, e: Float64Array, n: number): void {
  for (let j = 0; j < n; j++) d[j] = z[j * n + n - 1]!
  for (let i = n - 1; i > 0; i--) {
    let scale = 0
    for (let k = 0; k < i; k++) scale += Math.abs(d[k]!)
    let h = 0
    if (scale === 0) {
      e[i] = d[i - 1]!
      for (let j = 0; j < i; j++) {
        d[j] = z[j * n + i - 1]!
        z[j * n + i] = 0
        z[i * n + j] = 0
      }
    } else {
      for (let k = 0; k < i; k++) {
        d[k]! /= scale
        h += d[k]! * d[k]!
      }
      const f = d[i - 1]!
      const g = f > 0 ? -Math.sqrt(h) : Math.sqrt(h)
      e[i] = scale * g
      h -= f * g
      d[i - 1] = f - g
      reflect(z, d, e, n, i, h)
    }
    d[i] = h
  }
  accumulate(z, d, n)
  e[0] = 0
}

/** One similarity transformation A ← P A P with P = 1 − u uᵀ / h, u in `d`. */
function reflect(z: Float64Array, d: Float64Array, e: Float64Array, n: number, i: number, h: number): void {
  e.fill(0, 0, i)
  for (let j = 0; j < i; j++) {
    const f = d[j]!
    const row = j * n
    z[i * n + j] = f
    let g = e[j]! + z[row + j]! * f
    for (let k = j + 1; k < i; k++) {
      g += z[row + k]! * d[k]!
      e[k]! += z[row + k]! * f
    }
    e[j] = g
  }
  let f = 0
  for (let j = 0; j < i; j++) {
    e[j]! /= h
    f += e[j]! * d[j]!
  }
  const half = f / (2 * h)
  for (let j = 0; j < i; j++) e[j]! -= half * d[j]!
  for (let j = 0; j < i; j++) {
    const row = j * n
    const [dj, ej] = [d[j]!, e[j]!]
    for (let k = j; k < i; k++) z[row + k]! -= dj * e[k]! + ej * d[k]!
    d[j] = z[row + i - 1]!
    z[row + i] = 0
  }
}

/** The product of all reflections. */
function accumulate(z: Float64Array, d: Float64Array, n: number): void {
  for (let i = 0; i < n - 1; i++) {
    z[i * n + n - 1] = z[i * n + i]!
    z[i * n + i] = 1
    const h = d[i + 1]!
    const next = (i + 1) * n
    if (h !== 0) {
      for (let k = 0; k <= i; k++) d[k] = z[next + k]! / h
      for (let j = 0; j <= i; j++) {
        const row = j * n
        let g = 0
        for (let k = 0; k <= i; k++) g += z[next + k]! * z[row + k]!
        for (let k = 0; k <= i; k++) z[row + k]! -= g * d[k]!
      }
    }
    for (let k = 0; k <= i; k++) z[next + k] = 0
  }
  for (let j = 0; j < n; j++) {
    d[j] = z[j * n + n - 1]!
    z[j * n + n - 1] = 0
  }
  z[n * n - 1] = 1
}

/** QL steps until the subdiagonal is gone; the values are then in `d`, the vectors in the rows of `z`. */
function diagonalize(z: Float64Array, d: Float64Array, e: Float64Array, n: number): void {
  e.copyWithin(0, 1)
  e[n - 1] = 0
  let shift = 0
  let size = 0
  for (let l = 0; l < n; l++) {
    size = Math.max(size, Math.abs(d[l]!) + Math.abs(e[l]!))
    let m = l
    while (Math.abs(e[m]!) > 2 ** -52 * size) m++
    while (m > l && Math.abs(e[l]!) > 2 ** -52 * size) {
      const g = d[l]!
      const p = (d[l + 1]! - g) / (2 * e[l]!)
      const r = p < 0 ? -Math.hypot(p, 1) : Math.hypot(p, 1)
      d[l] = e[l]! / (p + r)
      d[l + 1] = e[l]! * (p + r)
      const h = g - d[l]!
      for (let i = l + 2; i < n; i++) d[i]! -= h
      shift += h
      chase(z, d, e, n, l, m)
    }
    d[l]! += shift
    e[l] = 0
  }
}

/** One QL step on rows l … m: a chain of plane rotations. */
function chase(z: Float64Array, d: Float64Array, e: Float64Array, n: number, l: number, m: number): void {
  const first = d[l + 1]!
  const below = e[l + 1]!
  let p = d[m]!
  let [c, c2, c3] = [1, 1, 1]
  let [s, s2] = [0, 0]
  for (let i = m - 1; i >= l; i--) {
    c3 = c2
    c2 = c
    s2 = s
    const g = c * e[i]!
    const h = c * p
    const r = Math.hypot(p, e[i]!)
    e[i + 1] = s * r
    s = e[i]! / r
    c = p / r
    p = c * d[i]! - s * g
    d[i + 1] = h + s * (c * g + s * d[i]!)
    rotate(z, i * n, (i + 1) * n, n, c, s)
  }
  p = (-s * s2 * c3 * below * e[l]!) / first
  e[l] = s * p
  d[l] = c * p
}

/** A plane rotation of two rows. */
function rotate(z: Float64Array, a: number, b: number, n: number, c: number, s: number): void {
  for (let k = 0; k < n; k++) {
    const upper = z[a + k]!
    const lower = z[b + k]!
    z[b + k] = s * upper + c * lower
    z[a + k] = c * upper - s * lower
  }
}

/**
 * Functions in WGSL that kernels call. WGSL allows drivers an error of 2⁻¹¹ in `sin` and several units in the last
 * place in `exp` and `log`, and lets them assume that there are no NaN; these are therefore our own, accurate to about
 * 2e-7 on every device, and they test for NaN by bits. Polynomials are those of the Cephes library (Moshier) in single
 * precision, except for `erf`.
 */

const sources = {
  isNan: `fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`,

  // A compiler must not see that these are no numbers: WGSL refuses constants that are not finite.
  infinity: `fn infinity() -> f32 { return bitcast<f32>(0x7f800000u | zero); }`,
  notANumber: `fn notANumber() -> f32 { return bitcast<f32>(0x7fc00000u | zero); }`,

  // Two numbers in half precision share a word. Core WGSL unpacks them exactly; what its `pack2x16float` does beyond
  // 65504, and how it rounds, is each driver's. This rounds to the nearest, ties to even; what would be 65520 or more
  // is infinite. Adding 0.5 leaves a number below 2⁻¹⁴ with the last digit of half precision, 2⁻²⁴.
  halfOf: `fn halfOf(word: u32, at: u32) -> f32 { return unpack2x16float(word >> ((at % 2u) * 16u)).x; }`,
  fourHalves: `fn fourHalves(words: vec2<u32>) -> vec4<f32> { return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y)); }`,
  halfBits: `fn halfBits(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 16u) & 0x8000u;
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return sign | 0x7e00u; }
  if (size >= 0x47800000u) { return sign | 0x7c00u; }
  if (size < 0x38800000u) { return sign | (bitcast<u32>(bitcast<f32>(size) + 0.5) - 0x3f000000u); }
  return sign | ((size - 0x38000000u + 0xfffu + ((size >> 13u) & 1u)) >> 13u);
}`,
  packHalves: `fn packHalves(pair: vec2<f32>) -> u32 { return halfBits(pair.x) | (halfBits(pair.y) << 16u); }`,

  larger: `fn larger(a: f32, b: f32) -> f32 { if (isNan(a)) { return a; } if (isNan(b)) { return b; } return max(a, b); }`,
  smaller: `fn smaller(a: f32, b: f32) -> f32 { if (isNan(a)) { return a; } if (isNan(b)) { return b; } return min(a, b); }`,
  rectify: `fn rectify(x: f32) -> f32 { if (x > 0.0 || isNan(x)) { return x; } return 0.0; }`,
  squareRoot: `fn squareRoot(x: f32) -> f32 { if (isNan(x)) { return x; } if (x < 0.0) { return notANumber(); } return sqrt(x); }`,

  // eˣ = 2ⁿ · eʳ with |r| ≤ ln 2 / 2; the power of two in two factors, so that neither overflows.
  exponential: `fn exponential(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  if (x > 88.7228394) { return infinity(); }
  if (x < -103.97) { return 0.0; }
  let n = floor(fma(x, 1.44269504, 0.5));
  let r = fma(n, 2.12194440e-4, fma(n, -0.693359375, x));
  var p = 1.9875691500e-4;
  p = fma(p, r, 1.3981999507e-3);
  p = fma(p, r, 8.3334519073e-3);
  p = fma(p, r, 4.1665795894e-2);
  p = fma(p, r, 1.6666665459e-1);
  p = fma(p, r, 5.0000001201e-1);
  let y = fma(p, r * r, r) + 1.0;
  let m = i32(n);
  let h = m / 2;
  return y * bitcast<f32>(u32(h + 127) << 23u) * bitcast<f32>(u32(m - h + 127) << 23u);
}`,

  // ln(2ᵉ · m) = e ln 2 + ln(1 + f), and ln(1 + f) = f − s(f − R(s²)) with s = f / (2 + f).
  logarithm: `fn logarithm(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  if (x < 0.0) { return notANumber(); }
  if (x == 0.0) { return -infinity(); }
  var bits = bitcast<u32>(x);
  if (bits == 0x7f800000u) { return x; }
  var e = 0.0;
  if (bits < 0x00800000u) { bits = bitcast<u32>(x * 8388608.0); e = -23.0; }
  e += f32(i32(bits >> 23u) - 127);
  var m = bitcast<f32>((bits & 0x007fffffu) | 0x3f800000u);
  if (m > 1.41421356) { m *= 0.5; e += 1.0; }
  let f = m - 1.0;
  let s = f / (2.0 + f);
  let z = s * s;
  let r = z * (0.66666667 + z * (0.4 + z * (0.28571429 + z * (0.22222222 + z * 0.18181818))));
  return fma(e, 0.693147181, f - s * (f - r));
}`,

  logistic: `fn logistic(x: f32) -> f32 { return 1.0 / (1.0 + exponential(-x)); }`,

  hyperbolicTangent: `fn hyperbolicTangent(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  let a = abs(x);
  if (a > 10.0) { return select(-1.0, 1.0, x > 0.0); }
  if (a < 0.625) {
    let z = x * x;
    var p = -5.70498872745e-3;
    p = fma(p, z, 2.06390887954e-2);
    p = fma(p, z, -5.37397155531e-2);
    p = fma(p, z, 1.33314422036e-1);
    p = fma(p, z, -3.33332819422e-1);
    return fma(p * z, x, x);
  }
  let y = 1.0 - 2.0 / (exponential(2.0 * a) + 1.0);
  return select(-y, y, x > 0.0);
}`,

  // Two minimax polynomials (N. Juffa): erf x = x + x·P(x²) for small x, else 1 − exp(Q(|x|)).
  errorFunction: `fn errorFunction(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  let t = abs(x);
  let s = x * x;
  if (t > 3.93) { return select(-1.0, 1.0, x > 0.0); }
  if (t > 0.927734375) {
    var q = fma(fma(-1.72853470e-5, t, 3.83197126e-4), s, fma(-3.88396438e-3, t, 2.42546219e-2));
    q = fma(q, t, -1.06777877e-1);
    q = fma(q, t, -6.34846687e-1);
    q = fma(q, t, -1.28717512e-1);
    let y = 1.0 - exponential(fma(q, t, -t));
    return select(-y, y, x > 0.0);
  }
  var p = -5.96761703e-4;
  p = fma(p, s, 4.99119423e-3);
  p = fma(p, s, -2.67681349e-2);
  p = fma(p, s, 1.12819925e-1);
  p = fma(p, s, -3.76125336e-1);
  p = fma(p, s, 1.28379166e-1);
  return fma(p, x, x);
}`,

  // sin of x + k·π/2: the angle less its multiple of π/4, in three parts (Cody and Waite); good up to |x| ≈ 8192.
  sineOf: `fn sineOf(x: f32, quarter: u32) -> f32 {
  if (isNan(x) || abs(x) > 3.4e38) { return notANumber(); }
  let a = abs(x);
  var j = u32(min(a * 1.27323954, 4.0e9));
  j += j & 1u;
  let n = f32(j);
  let r = fma(n, -3.77489498e-8, fma(n, -2.41875649e-4, fma(n, -0.78515625, a)));
  let z = r * r;
  let sine = fma(fma(fma(-1.9515295891e-4, z, 8.3321608736e-3), z, -1.6666654611e-1) * z, r, r);
  let cosine = fma(fma(fma(2.44331571e-5, z, -1.38873163e-3), z, 4.16666457e-2) * z, z, fma(-0.5, z, 1.0));
  // Quarter turns: an odd sine changes its sign with x, an even cosine does not.
  let turns = (j >> 1u) + quarter;
  var y = select(sine, cosine, (turns & 1u) == 1u);
  if ((turns & 2u) == 2u) { y = -y; }
  return select(y, -y, x < 0.0 && quarter == 0u);
}`,
  sine: `fn sine(x: f32) -> f32 { return sineOf(x, 0u); }`,
  cosine: `fn cosine(x: f32) -> f32 { return sineOf(x, 1u); }`,

  // Philox4x32-10; see random/philox.ts.
  highWord: `fn highWord(a: u32, b: u32) -> u32 {
  let aHigh = a >> 16u;
  let aLow = a & 0xffffu;
  let bHigh = b >> 16u;
  let bLow = b & 0xffffu;
  let middle = aHigh * bLow + ((aLow * bLow) >> 16u);
  let across = aLow * bHigh + (middle & 0xffffu);
  return aHigh * bHigh + (middle >> 16u) + (across >> 16u);
}`,
  philox: `fn philox(counter: vec4<u32>, seed: vec2<u32>) -> vec4<u32> {
  var x = counter;
  var key = seed;
  for (var i = 0; i < 10; i++) {
    x = vec4<u32>(
      highWord(0xcd9e8d57u, x.z) ^ x.y ^ key.x,
      0xcd9e8d57u * x.z,
      highWord(0xd2511f53u, x.x) ^ x.w ^ key.y,
      0xd2511f53u * x.x,
    );
    key += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return x;
}`,
  fraction: `fn fraction(word: u32) -> f32 { return f32(word >> 8u) * 5.9604644775390625e-8; }`,
} as const

/** Name of a function. */
export type FunctionName = keyof typeof sources

const names = Object.keys(sources) as FunctionName[]

/** The functions that some code calls, and those they call, in the order in which they are declared here. */
export function functionsFor(code: string): string {
  const wanted = new Set<FunctionName>()
  const visit = (text: string): void => {
    for (const [, name] of text.matchAll(/\b([a-zA-Z]+)\(/g)) {
      if (!Object.hasOwn(sources, name) || wanted.has(name as FunctionName)) continue
      wanted.add(name as FunctionName)
      visit(sources[name as FunctionName])
    }
  }
  visit(code)
  return names
    .filter(name => wanted.has(name))
    .map(name => sources[name])
    .join('\n')
}

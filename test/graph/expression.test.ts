/** Scalar expressions: folding, printing, structure, and symbolic derivatives against difference quotients. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gradientExpression } from '../../src/graph/derivative.ts'
import * as e from '../../src/graph/expression.ts'

const [x, y] = [e.input(0), e.input(1)]

describe('symbolic derivatives of expressions', () => {
  const smooth: e.UnaryFunction[] = ['neg', 'exp', 'tanh', 'sigmoid', 'sin', 'cos', 'erf', 'relu', 'abs']
  const { tree } = fc.letrec<{ tree: e.Expression }>(tie => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(e.input(0), e.input(1), e.constant(0.5), e.constant(-1.25)),
      fc.tuple(fc.constantFrom(...smooth), tie('tree')).map(([fn, x]) => e.unary(fn, x)),
      fc
        .tuple(
          fc.constantFrom('add' as const, 'sub' as const, 'mul' as const, 'max' as const, 'min' as const),
          tie('tree'),
          tie('tree'),
        )
        .map(([fn, x, y]) => e.binary(fn, x, y)),
      fc
        .tuple(tie('tree'), tie('tree'))
        .map(([x, y]) => e.binary('div', x, e.binary('add', e.constant(1.5), e.binary('mul', y, y)))),
      fc
        .tuple(tie('tree'), tie('tree'), tie('tree'))
        .map(([c, x, y]) => e.select(e.compare('gt', c, e.constant(0.3)), x, y)),
    ),
  }))

  test('of random trees agree with difference quotients on both sides of each point', () => {
    let compared = 0
    fc.assert(
      fc.property(
        tree,
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        (f, x, y) => {
          const step = 1e-6
          const value = (dx: number): number => e.evaluate(f, [x + dx, y])
          const left = (value(0) - value(-step)) / step
          const right = (value(step) - value(0)) / step
          // Beside a kink or a jump, or where rounding dominates, the two quotients differ.
          fc.pre(Number.isFinite(left) && Math.abs(left - right) < 1e-4 * Math.max(1, Math.abs(left)))
          compared++
          const derivative = e.evaluate(gradientExpression(f, 0, e.constant(1)), [x, y])
          const withOutput = e.evaluate(gradientExpression(f, 0, e.input(2), e.input(3)), [x, y, 1, value(0)])
          expect(Math.abs(derivative - (left + right) / 2)).toBeLessThan(2e-4 * Math.max(1, Math.abs(left)))
          expect(withOutput).toBeCloseTo(derivative, 9)
        },
      ),
      { seed: 20_250_103, numRuns: 500 },
    )
    expect(compared).toBeGreaterThanOrEqual(500)
  })
})

describe('expressions', () => {
  test('operationCount and inputsOf count shared nodes once', () => {
    const shared = e.unary('exp', e.input(3))
    const f = e.binary('mul', shared, e.binary('add', shared, e.input(1)))
    expect(e.operationCount(f)).toBe(3)
    expect(e.inputsOf(f)).toEqual([1, 3])
    expect(e.formatExpression(f)).toBe('exp(x3) * (exp(x3) + x1)')
  })

  test('identities of 0 and 1 fold', () => {
    const zero = e.constant(0)
    const one = e.constant(1)
    expect(e.binary('add', zero, x)).toBe(x)
    expect(e.binary('sub', x, zero)).toBe(x)
    expect(e.binary('mul', one, x)).toBe(x)
    expect(e.binary('div', x, one)).toBe(x)
    expect(e.binary('mul', x, zero)).toEqual(zero)
    expect(e.unary('neg', e.unary('neg', x))).toBe(x)
    expect(e.formatExpression(e.binary('sub', zero, x))).toBe('-x0')
    expect(e.unary('sqrt', e.constant(9))).toEqual(e.constant(3))
    expect(e.select(e.compare('lt', one, zero), x, y)).toBe(y)
  })

  test('print with the fewest parentheses that keep the meaning', () => {
    const names = (index: number): string => ['x', 'y'][index]!
    const difference = e.binary('sub', x, e.binary('sub', y, x))
    expect(e.formatExpression(difference, names)).toBe('x - (y - x)')
    expect(e.formatExpression(e.unary('neg', e.binary('add', x, y)), names)).toBe('-(x + y)')
    expect(e.formatExpression(e.binary('max', x, e.binary('mul', y, y)), names)).toBe('max(x, y * y)')
    expect(e.formatExpression(e.select(e.compare('ge', x, y), x, e.constant(-0)), names)).toBe('select(x >= y, x, -0)')
  })

  test('keys tell structures apart, not sharing', () => {
    const shared = e.unary('exp', x)
    expect(e.expressionKey(e.binary('mul', shared, shared))).toBe(
      e.expressionKey(e.binary('mul', e.unary('exp', x), e.unary('exp', x))),
    )
    const different = [
      x,
      y,
      e.constant(0),
      e.constant(-0),
      e.unary('exp', x),
      e.unary('log', x),
      e.binary('sub', x, y),
      e.binary('sub', y, x),
      e.compare('gt', x, y),
      e.binary('add', e.binary('add', x, y), x),
      e.binary('add', x, e.binary('add', y, x)),
      e.select(e.compare('gt', x, y), x, y),
      e.select(e.compare('gt', x, y), y, x),
    ]
    expect(new Set(different.map(e.expressionKey)).size).toBe(different.length)
  })

  test('keys of deeply shared expressions stay short', () => {
    let deep: e.Expression = x
    for (let k = 0; k < 200; k++) deep = e.binary('mul', deep, e.binary('add', deep, y))
    expect(e.expressionKey(deep).length).toBeLessThan(20_000)
  })
})

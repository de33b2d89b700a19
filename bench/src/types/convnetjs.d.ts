/** The part of convnetjs 0.3.0 the bench uses; the package has no types of its own. */
declare module 'convnetjs' {
  class Vol {
    constructor(sx: number, sy: number, depth: number, fill?: number)
    w: Float64Array
  }
  class Net {
    makeLayers(definitions: readonly object[]): void
  }
  class Trainer {
    constructor(net: Net, options: object)
    train(x: Vol, y: number): { loss: number }
  }
  const convnetjs: { Vol: typeof Vol; Net: typeof Net; Trainer: typeof Trainer }
  export default convnetjs
}

/** The simplest layout: every value is row-major, every step runs in one piece. */
import type { Tensor } from '../graph/tensor.ts'
import { LayoutPass } from './layoutPass.ts'
import type { Program } from './program.ts'
import type { FusedStep } from './step.ts'
import type { KernelTraits, LayoutChoice } from './target.ts'

/** Lays out a program for kernels that read only row-major operands. @throws ShapeError when it is inconsistent. */
export function rowsLayout(program: Program, kernels: KernelTraits): LayoutChoice<never> {
  return new RowsLayout(program, kernels).run()
}

class RowsLayout extends LayoutPass<never> {
  run(): LayoutChoice<never> {
    return { ...this.walk(), layoutOf: () => 'rows' }
  }

  protected override add(step: FusedStep): void {
    this.push(step)
  }

  protected override asRows(tensor: Tensor): Tensor {
    return tensor
  }
}

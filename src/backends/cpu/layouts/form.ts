/** Forms: how CPU kernels compute a step other than by one kernel on whole operands. */
import type { Plan } from '../../../plan/plan.ts'
import type { Group, Step } from '../../../plan/step.ts'
import type { ConvolutionMethod, ConvolutionTask } from './convolution.ts'

/** How a step is computed. */
export type CpuForm = PerBlockForm | PartsForm | StageForm | ConvolutionForm

/** A sum over one block of samples, `[blocks, …]`, which leaves the rest to a following `reduce`. */
export interface PerBlockForm {
  readonly kind: 'perBlock'
  readonly extent: 'per block'
}

/** The form of a sum over one block. */
export const perBlock: PerBlockForm = { kind: 'perBlock', extent: 'per block' }

/** A reduction of volumes that cuts their rows into parts, each with its own result. */
export interface PartsForm {
  readonly kind: 'parts'
  readonly parts: number
}

/** A value between the operands of a convolution and its result. */
export interface StageForm {
  readonly kind: 'stage'
  readonly name: string
  readonly task: ConvolutionTask
  readonly method: ConvolutionMethod
  /** Index of the stage in the method. */
  readonly stage: number
}

/**
 * The last kernel of a convolution whose volumes are stored channels last. If it stores moments of its result, these
 * are its second and third outputs; the other operands that moments need follow its own.
 */
export interface ConvolutionForm {
  readonly kind: 'convolution'
  readonly name: string
  readonly task: ConvolutionTask
  readonly method: ConvolutionMethod
  readonly operands: number
}

/** A plan for a CPU. */
export type CpuPlan = Plan<CpuForm>
/** A group of such steps. */
export type CpuGroup = Group<CpuForm>
/** A step of such a plan. */
export type CpuStep = Step<CpuForm>

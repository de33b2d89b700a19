/** From a plan to dispatches: shaders, pipelines, and what a run has to do. */

import { opOf } from '../../graph/table.ts'
import { type Program, programGraph } from '../../plan/program.ts'
import { type Group, stepInputs } from '../../plan/step.ts'
import type { Hardware } from './kernels/kernel.ts'
import { lowerStep } from './kernels/table.ts'
import { type Memory, slotIn } from './memory.ts'
import type { WorkCount } from './options.ts'
import type { DeviceForm, DevicePlan, DeviceStep } from './pairs.ts'
import type { Pipelines } from './pipelines.ts'
import { Operands } from './wgsl/operands.ts'
import type { Dispatch } from './wgsl/shader.ts'

/** A dispatch that can be encoded. */
export interface ReadyDispatch extends Dispatch {
  readonly step: DeviceStep
  readonly pipeline: GPUComputePipeline
}

/** A program's dispatches. */
export interface DispatchList {
  readonly plan: DevicePlan
  /** Before a run when anything but this program has changed variables. */
  readonly ahead: readonly ReadyDispatch[]
  readonly each: readonly ReadyDispatch[]
  readonly work: WorkCount
}

/** Prints and compiles the shaders of a plan. */
export async function buildDispatches(
  plan: DevicePlan,
  pipelines: Pipelines,
  hardware: Hardware,
): Promise<DispatchList> {
  const slotOf = slotIn(plan)
  const tools = { ...hardware, operands: () => new Operands(slotOf) }
  const build = (groups: readonly Group<DeviceForm>[]): Promise<ReadyDispatch[]> =>
    Promise.all(
      groups
        .flatMap(({ steps }) => steps.flatMap(step => lowerStep(step, tools).map(dispatch => ({ ...dispatch, step }))))
        .map(async dispatch => ({ ...dispatch, pipeline: await pipelines.get(dispatch.code, dispatch.step.op) })),
    )
  const [ahead, each] = await Promise.all([build(plan.preparation), build(plan.groups)])
  return { plan, ahead, each, work: { dispatches: each.length, ...workOf(plan) } }
}

/** Bytes that the steps of a run read and write, as they are stored, and floating-point operations. */
export function workOf(plan: DevicePlan): Pick<WorkCount, 'bytes' | 'flops'> {
  const steps = plan.groups.flatMap(group => group.steps)
  const values = steps.flatMap(step => [...stepInputs(step), ...step.outputs])
  return {
    bytes: values.reduce((sum, tensor) => sum + (plan.value(tensor)?.bytes ?? 0), 0),
    flops: 2 * steps.reduce((sum, step) => sum + step.multiplyAdds, 0),
  }
}

/** Whether a program computes indices, or keeps them in variables: their range is known only when it runs. */
export function computesIndices(program: Program): boolean {
  return programGraph(program).order.some(tensor => {
    let operand = tensor.source ? undefined : opOf(tensor).indices?.(tensor, tensor.attributes).operand
    while (operand && (operand.op === 'reshape' || operand.op === 'transpose')) [operand] = operand.inputs
    return operand && operand.source?.kind !== 'input' && operand.source?.kind !== 'constant'
  })
}

/** Bind groups of a list of dispatches; they are made again when the arena has moved. */
export class BindGroups {
  readonly #device: GPUDevice
  readonly #memory: Memory
  readonly #list: DispatchList
  #made: ReadonlyMap<ReadyDispatch, GPUBindGroup> = new Map()
  #generation = -1

  constructor(device: GPUDevice, memory: Memory, list: DispatchList) {
    this.#device = device
    this.#memory = memory
    this.#list = list
  }

  /** Encodes dispatches into a pass, in order: each sees what those before it have stored. */
  encode(pass: GPUComputePassEncoder, dispatches: readonly ReadyDispatch[]): void {
    const groups = this.#current()
    for (const dispatch of dispatches) {
      pass.setPipeline(dispatch.pipeline)
      pass.setBindGroup(0, groups.get(dispatch) as GPUBindGroup)
      pass.dispatchWorkgroups(...dispatch.workgroups)
    }
  }

  #current(): ReadonlyMap<ReadyDispatch, GPUBindGroup> {
    if (this.#generation === this.#memory.generation) return this.#made
    const { plan, ahead, each } = this.#list
    this.#made = new Map([...ahead, ...each].map(dispatch => [dispatch, this.#make(plan, dispatch)]))
    this.#generation = this.#memory.generation
    return this.#made
  }

  #make(plan: DevicePlan, { pipeline, bindings, step }: ReadyDispatch): GPUBindGroup {
    const entries = bindings.map((binding, number) => ({
      binding: number,
      resource: this.#memory.bound(plan, binding),
    }))
    return this.#device.createBindGroup({ label: step.op, layout: pipeline.getBindGroupLayout(0), entries })
  }
}

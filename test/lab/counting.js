// Counts what the Lab's page does, for tests of what it may do: canvases drawn, elements made, messages of the worker.
{
  const counted = { drawn: 0, made: [], looks: 0, statistics: 0, steps: 0, taken: 0, last: undefined }
  const put = CanvasRenderingContext2D.prototype.putImageData
  CanvasRenderingContext2D.prototype.putImageData = function (...given) {
    counted.drawn++
    return put.apply(this, given)
  }
  const request = window.requestAnimationFrame.bind(window)
  /** Frames that are held back, as those of a hidden tab are. */
  let held
  window.requestAnimationFrame = callback =>
    request(time => {
      if (held) held.push(callback)
      else callback(time)
    })
  const NativeWorker = window.Worker
  window.Worker = class extends NativeWorker {
    constructor(...given) {
      super(...given)
      this.addEventListener('message', ({ data }) => {
        if (data.type === 'look') {
          counted.looks++
          counted.last = { gradients: 'gradients' in data.look.layers[0], change: 'change' in data.look.layers[0] }
        } else if (data.type === 'statistics') counted.statistics++
        else if (data.type === 'steps') counted.steps += data.losses.length
      })
    }
    postMessage(command, ...others) {
      if (command.type === 'taken') counted.taken++
      super.postMessage(command, ...others)
    }
  }
  window.counting = {
    counted,
    /** Begins again; elements that are made are named by their place. */
    begin() {
      Object.assign(counted, { drawn: 0, made: [], looks: 0, statistics: 0, steps: 0, taken: 0 })
      new MutationObserver(changes => {
        for (const { target, addedNodes } of changes) {
          for (const node of addedNodes)
            counted.made.push(`${target.nodeName}.${target.getAttribute('class')} > ${node.nodeName}`)
        }
      }).observe(document.body, { childList: true, subtree: true })
    },
    hide() {
      held = []
    },
    show() {
      const callbacks = held
      held = undefined
      for (const callback of callbacks) request(callback)
    },
  }
}

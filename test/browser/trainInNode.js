/**
 * Runs `train50` in Node and prints its result: `node trainInNode.js DOORS IMAGES LABELS '{"threads":2,"precise":true}'`,
 * with the folder of the built package and two IDX files. Any Node that Fovea supports can run it.
 */
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { train50 } from './train50.js'

const [doors, images, labels, options] = process.argv.slice(2)
const result = await train50({
  doors: pathToFileURL(`${doors}/`).href,
  images: new Uint8Array(readFileSync(images)),
  labels: new Uint8Array(readFileSync(labels)),
  ...JSON.parse(options),
})
console.log(JSON.stringify(result))

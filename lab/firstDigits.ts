/** The digits that come with the Lab: enough to begin with at once. */
import { DataFolder } from '../src/cli/commands/lab/shards.ts'
import { mnist } from '../src/data/mnist.node.ts'

/** The files of their folder, by name: 2,000 digits to train on and 1,000 to test with. */
export async function firstDigits(): Promise<Map<string, Uint8Array>> {
  const folder = new DataFolder(await mnist(), { trainCount: 2000, testCount: 1000 }, 9)
  return new Map(folder.names.map(name => [name, folder.file(name)!]))
}

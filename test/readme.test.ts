/** The README's code blocks are the files of examples/, word for word, and they run as a user would run them. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)
const root = new URL('..', import.meta.url)
const example = (name: string): Promise<string> => readFile(new URL(`examples/${name}.ts`, root), 'utf8')

async function output(name: string): Promise<string> {
  const { stdout } = await run(process.execPath, ['--import', 'tsx', `examples/${name}.ts`], { cwd: root })
  return stdout
}

describe('the README', () => {
  it('shows the examples as they are', async () => {
    const readme = await readFile(new URL('README.md', root), 'utf8')
    for (const name of ['train', 'explain']) expect(readme).toContain(`\`\`\`ts\n${await example(name)}\`\`\``)
  })

  it('trains LeNet-5 on a tenth of MNIST to better than 95 % in three epochs', async () => {
    const accuracy = Number(/test accuracy ([\d.]+)/.exec(await output('train'))?.[1])
    expect(accuracy).toBeGreaterThan(0.95)
    expect(accuracy).toBeLessThanOrEqual(1)
  }, 300_000)

  it("explains the lecture's (x + y) z at (−2, 5, −4)", async () => {
    const text = await output('explain')
    expect(text).toMatch(/q = x \+ y\s+= 3\n/)
    expect(text).toMatch(/f = q \* z\s+= -12\n/)
    expect(text).toMatch(/grad_x = grad_q\s+= -4/)
    expect(text).toMatch(/grad_y = grad_q\s+= -4/)
    expect(text).toMatch(/grad_z = grad_f \* q\s+= 3/)
  })
})

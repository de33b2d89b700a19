/** The project's Vite. The site's packages bring an older one, which `import 'vite'` would find here once they are installed. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './pages.ts'

const path = createRequire(join(root, 'package.json')).resolve('vite')

export const { build } = (await import(
  pathToFileURL(path).href
)) as typeof import('../node_modules/vite/dist/node/index.js')

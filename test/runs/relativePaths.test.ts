import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { relativePath, withRelativePaths } from '../../src/runs/relativePaths.node.ts'

describe('paths in pages', () => {
  it('are relative to the working directory', () => {
    expect(relativePath(resolve('photos/train'))).toBe('photos/train')
    expect(relativePath(resolve('../photos'))).toBe('../photos')
    expect(relativePath('photos')).toBe('photos')
    expect(relativePath(resolve('.'))).toBe('.')
  })

  it('are found in all fields of a recipe that hold paths, and nothing else is touched', () => {
    const recipe = {
      model: { file: resolve('net.mjs'), export: 'model' },
      data: { name: 'folder', directory: resolve('photos'), classes: ['/a', 'b'] },
      pretrained: { weights: resolve('w.pth') },
      freeze: [{ match: '/^fc/' }],
      epochs: 3,
    }
    expect(withRelativePaths(recipe)).toEqual({
      ...recipe,
      model: { file: 'net.mjs', export: 'model' },
      data: { ...recipe.data, directory: 'photos' },
      pretrained: { weights: 'w.pth' },
    })
  })
})

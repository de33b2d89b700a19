/** `fovea/data` for the cells of a page: with the digits that lie beside it. */
export * from '../../dist/data/index.js'
export { mnist } from './digits.ts'

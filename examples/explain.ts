import { add, explain, input, mul } from 'fovea'

const [x, y, z] = [input('x', []), input('y', []), input('z', [])]
const q = add(x, y).named('q')
console.log(explain(mul(q, z).named('f'), { values: { x: -2, y: 5, z: -4 } }))

/**
 * Writes docs/recipes.md, the reference of a recipe's fields: what each must be from the rules, what it says from the comments
 * of the types, so that page, editor and command tell the same. A test compares the page with what this makes.
 *
 *     npx tsx scripts/recipeReference.ts
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { type ModelEntry, models } from '../src/models/index.ts'
import { recipeFields } from '../src/recipe/schema.ts'
import * as tables from '../src/recipe/tables.ts'
import { fields, type Rule, type RulesByName } from '../src/rules/rules.ts'

const pathOf = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url))

/** The page. */
export const page = pathOf('docs/recipes.md')

const sources = ['src/recipe/input.ts', 'src/optim/index.ts', 'src/nn/losses.ts'].map(pathOf)
const program = ts.createProgram(sources, {
  strict: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2022,
  allowImportingTsExtensions: true,
  module: ts.ModuleKind.Preserve,
  skipLibCheck: true,
  types: [],
})
const checker = program.getTypeChecker()
const [input, ...rooms] = sources.map(path => checker.getSymbolAtLocation(program.getSourceFile(path)!)!)

/** A symbol that a module exports, wherever it is written. */
function exported(module: ts.Symbol, name: string): ts.Symbol | undefined {
  const found = checker.getExportsOfModule(module).find(symbol => symbol.name === name)
  return found && found.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(found) : found
}

/** A comment as one line of Markdown; links become their text. */
const commentOf = (symbol: ts.Symbol | undefined): string =>
  ts
    .displayPartsToString(symbol?.getDocumentationComment(checker))
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .replace(/\s+/g, ' ')
    .replaceAll('|', '\\|')

/** The first sentence of a comment. */
const firstSentence = (comment: string): string =>
  /^.*?[.:](?= [A-Z`]|$)/.exec(comment)?.[0].replace(/:$/, '.') ?? comment

/** A field of a type, or of one of the types that it may be. */
function property(type: ts.Type | undefined, name: string): ts.Symbol | undefined {
  if (!type) return undefined
  const options = type.isUnion() ? type.types : [type]
  return options.map(option => checker.getPropertyOfType(option, name)).find(found => found !== undefined)
}

const typeOf = (symbol: ts.Symbol | undefined): ts.Type | undefined => symbol && checker.getTypeOfSymbol(symbol)

/** The type of what a list holds; the type itself where it is none. */
function itemOf(type: ts.Type | undefined): ts.Type | undefined {
  const options = type?.isUnion() ? type.types : type ? [type] : []
  return options.map(option => checker.getIndexTypeOfType(option, ts.IndexKind.Number)).find(found => found) ?? type
}

/** Fields whose rule is a table of names, and the heading of that table. */
const sections: Readonly<Record<string, string>> = {
  model: 'Networks',
  optimizer: 'Optimizers',
  schedule: 'Schedules',
  momentum: 'Schedules of the momentum',
  loss: 'Losses',
  gradients: 'Transforms of gradients',
  weights: 'Transforms of weights',
  average: 'Averages',
}
const anchor = (heading: string): string => `#${heading.toLowerCase().replaceAll(' ', '-')}`

const mustBe = (rule: Rule): string => {
  const each = rule.item && !rule.item.fields && !rule.item.named ? `, each ${rule.item.words}` : ''
  return `${rule.words}${each}`.replaceAll('|', '\\|')
}

/** Rows of fields, and of the fields in them. */
function rowsOf(rules: RulesByName, type: ts.Type | undefined, above = '', isRecipe = false): string[] {
  return Object.entries(rules).flatMap(([name, rule]) => {
    const symbol = property(type, name)
    const field = `${above}${name}`
    const section = isRecipe ? sections[name] : undefined
    const what = section ? `[${section.toLowerCase()}](${anchor(section)})` : mustBe(rule)
    const row = `| \`${field}\` | ${rule.item && section ? `a list of ${what}` : what} | ${commentOf(symbol)} |`
    const inner = rule.fields ?? rule.item?.fields
    const held = rule.item ? itemOf(typeOf(symbol)) : typeOf(symbol)
    return [row, ...(inner ? rowsOf(inner, held, `${field}.${rule.item ? '0.' : ''}`) : [])]
  })
}

const table = (rows: readonly string[], head = 'field'): string =>
  [`| ${head} | must be | |`, '|---|---|---|', ...rows].join('\n')

/** A section of parts. @param common options that are told once, ahead of the parts */
function partsOf(
  heading: string,
  entries: Readonly<Record<string, { readonly options: RulesByName; readonly usualRate?: number }>>,
  typeName: string,
  common: readonly string[] = [],
): string {
  const symbol = exported(input!, typeName)
  const type = symbol && checker.getDeclaredTypeOfSymbol(symbol)
  const members = type?.isUnion() ? type.types : type ? [type] : []
  const memberOf = (name: string) =>
    members.find(member => {
      const literal = typeOf(checker.getPropertyOfType(member, 'name'))
      return literal?.isStringLiteral() && literal.value === name
    })
  const pick = (options: RulesByName, isCommon: boolean): RulesByName =>
    Object.fromEntries(Object.entries(options).filter(([name]) => common.includes(name) === isCommon))
  const [first] = Object.entries(entries) as [[string, { readonly options: RulesByName }]]
  const lacking = Object.keys(entries).filter(name => common.some(option => !entries[name]!.options[option]))
  const who = `all of them${lacking.length > 0 ? ` but ${lacking.map(name => `\`${name}\``).join(' and ')}` : ''}`
  const shared =
    common.length > 0
      ? [`Options of ${who}:\n\n${table(rowsOf(pick(first[1].options, true), memberOf(first[0])), 'option')}`]
      : []
  const parts = Object.entries(entries).map(([name, { options, usualRate }]) => {
    const comment = rooms.map(room => commentOf(exported(room, name))).find(text => text !== '') ?? ''
    const isSaid = usualRate === undefined || comment.includes('learning rate')
    const usual = isSaid ? '' : ` Its learning rate is ${usualRate} by default.`
    const rows = rowsOf(pick(options, false), memberOf(name))
    return `### ${name}\n\n${firstSentence(comment)}${usual}${rows.length > 0 ? `\n\n${table(rows, 'option')}` : ''}`
  })
  return [`## ${heading}`, ...shared, ...parts].join('\n\n')
}

/** The networks, those with equal options together. */
function networks(): string {
  const byRow = new Map<string, string[]>()
  for (const [name, { options = {} }] of Object.entries<ModelEntry>(models)) {
    const row = Object.entries(options)
      .map(([option, rule]) => `\`${option}\`: ${mustBe(rule)}`)
      .join('; ')
    byRow.set(row, [...(byRow.get(row) ?? []), `\`${name}\``])
  }
  const rows = [...byRow].map(([options, names]) => `| ${names.join(', ')} | ${options || 'none'} |`)
  const text =
    'A name, `{ name, options }`, or a function `({ classes, shape }) => module`. What the networks are: [models](models.md).'
  return ['## Networks', text, ['| names | options |', '|---|---|', ...rows].join('\n')].join('\n\n')
}

const introduction = `# The fields of a recipe

A recipe says everything that decides what a training run computes. Whatever is left out has a default, and a mistake is told by field, value and rule: \`optimizer.lr (=-1) must be positive\`.

\`\`\`ts
// recipe.ts, for fovea train recipe.ts
import { defineRecipe } from 'fovea/recipe'

export default defineRecipe({ model: 'lenet5', data: 'mnist', optimizer: { name: 'adam' }, epochs: 3 })
\`\`\`

A program, in Node or on a page, makes from it what trains:

\`\`\`ts
import { createTrainer, resolveRecipe, startEngine } from 'fovea/recipe'

const setup = resolveRecipe({ model: 'lenet5', data: 'mnist', optimizer: { name: 'adam' }, epochs: 3 })
const engine = await startEngine(setup.recipe)
const trainer = await createTrainer(setup, { engine, train }) // images: see data.md
for await (const event of trainer.run()) if (event.type === 'step') console.log(event.loss)
\`\`\`

\`setup.recipe\` is the recipe with every default filled in, as data: what a run folder keeps as \`recipe.json\`. \`createModel\`, \`createOptimizer\`, \`createSchedule\` and \`createLoss\` make single parts of a setup. A network, an optimizer, a schedule or a loss may be a function in the place of a name.
\`--set\` and messages name a field by its path; in a list, by its place: \`optimizer.groups.0.lrFactor\`. How recipes are used: [training](training.md).

This page is made by \`scripts/recipeReference.ts\` from the rules and types themselves.`

/** The page's text. */
export function recipeReference(): string {
  const symbol = exported(input!, 'RecipeInput')!
  const { fovea: _version, ...own } = recipeFields
  const { fields: rules = {} } = fields(own)
  const parts = [
    introduction,
    `## Fields\n\n${table(rowsOf(rules, checker.getDeclaredTypeOfSymbol(symbol), '', true))}`,
    networks(),
    partsOf('Optimizers', tables.optimizers, 'OptimizerRecipe', ['lr', 'weightDecay', 'decay', 'groups']),
    partsOf('Schedules', tables.schedules, 'ScheduleRecipe', ['warmup', 'warmupStart']),
    partsOf('Schedules of the momentum', tables.momentums, 'MomentumRecipe'),
    partsOf('Losses', tables.losses, 'LossRecipe'),
    partsOf('Transforms of gradients', tables.gradientTransforms, 'GradientRecipe'),
    partsOf('Transforms of weights', tables.weightTransforms, 'WeightRecipe'),
    partsOf('Averages', tables.averages, 'AverageRecipe'),
  ]
  return `${parts.join('\n\n')}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, recipeReference())

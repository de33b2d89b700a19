/**
 * The door of reports: from data to drawings and whole pages of HTML, without a document and without a script. They are pure
 * functions, the same in Node and in browsers.
 * @module fovea/report
 */
export { firstFilters, worstMistakes } from './collect.ts'
export { type ComparedRun, comparisonPlot } from './comparePlot.ts'
export { ratePlot } from './lrPlot.ts'
export { report } from './report.ts'
export type { ReportData, ReportLayer, ReportMistake, ReportScore } from './reportData.ts'
export {
  parallelCoordinates,
  type SearchReportOptions,
  searchReport,
  slice as slicePlot,
  type TrialRow,
} from './searchReport.ts'
export { type SummaryPage, summaryPage } from './summaryPage.ts'
export { wilsonInterval } from './wilson.ts'

/** What a notebook's cell calls: figures, tables, text and progress below it. */

export * from "./figure_view.ts";
export { Interruption } from "./interrupt.ts";
export * from "./live_progress.ts";
export * from "./records_table.ts";
export {
  DisplayError,
  notebookScreen,
  type OpenView,
  type Screen,
  terminalScreen,
  textScreen,
} from "./screen.ts";
export * from "./show.ts";
export * from "./view.ts";

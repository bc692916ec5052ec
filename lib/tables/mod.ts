/** What users call of tables: making them, and Markdown of them. */

export * from "./inspection_tables.ts";
export * from "./markdown.ts";
export * from "./score_table.ts";
export * from "./size_table.ts";
export type { Cell, Column, IntervalCell, Table } from "./table.ts";

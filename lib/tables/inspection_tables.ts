/** What an inspection found, as tables. */

import type { CheckpointInspection } from "../checkpoint/inspection/inspect_checkpoint.ts";
import type { TensorCount } from "../checkpoint/inspection/tensor_counts.ts";
import type { Term } from "../codecs/codec.ts";
import type { DeltaInspection } from "../delta/inspection/inspect_delta.ts";
import type { Inspection, TensorFileInspection } from "../delta/inspection/inspect.ts";
import type { LayerInspection } from "../delta/inspection/inspect_layer.ts";
import type { ScaleRange } from "../delta/inspection/scale_range.ts";
import type { Cell, Table } from "./table.ts";

/** Tensors that no model uses and that a table lists. */
const LISTED = 20;
const SIGNIFICANT = 4;

/**
 * Tables of all that was found: what it is, its bytes, its layers, its other tensors.
 *
 * @example
 * ```ts
 * import { inspect, inspectionTables, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const found = await inspect(projectPath("data/checkpoints/llama-base"));
 * assert.equal(inspectionTables(found)[0].title, "Checkpoint llama-base");
 * ```
 */
export function inspectionTables(found: Inspection): Table[] {
  switch (found.kind) {
    case "delta":
      return deltaTables(found);
    case "checkpoint":
      return checkpointTables(found);
    case "tensors":
      return fileTables(found);
  }
}

function deltaTables(found: DeltaInspection): Table[] {
  const { size, projections, whole, layer, verification } = found;
  const tables = [
    quantities(`Delta ${found.path}`, [
      ["Method", found.method],
      ...Object.entries(found.settings).map(([name, value]) => [name, `${value}`]),
      ...Object.entries(found.made),
      ["Version of the format", found.version === null ? "none: the study's" : `${found.version}`],
      ["Base", found.baseHash ?? "not said"],
      ["Fine-tune", found.fineHash ?? "not said"],
      ["Digest", found.digest ?? "none"],
      ["Linear layers", `${found.layers}`],
      ["Their weights", `${size.weights}`],
      ["Bits a weight of linear layers", size.linearBits.toFixed(6)],
      ["Parameters of the fine-tune", `${size.parameters}`],
      ["Bits a parameter, whole file", size.fileBits.toFixed(6)],
      ...verification === null ? [] : [["Read and checked", verified(verification)]],
    ]),
    bytesTable(size.bytes),
    layersTable(projections),
  ];
  if (whole.length > 0) tables.push(countsTable("Whole tensors", whole));
  if (layer !== null) tables.push(layerTable(layer));
  return tables;
}

function verified({ entries, bytes, digests }: NonNullable<DeltaInspection["verification"]>) {
  const how = digests
    ? "each as its digest says"
    : "all finite; the file has no digests to hold them against";
  return `${entries} entries, ${bytes} bytes: ${how}`;
}

function bytesTable({ total, ...parts }: DeltaInspection["size"]["bytes"]): Table {
  const rows = Object.entries(parts).filter(([name, bytes]) => bytes > 0 || name === "masks");
  return {
    title: "Bytes of the file",
    columns: [{ name: "Of" }, { name: "Bytes" }, { name: "Share (%)", digits: 3 }],
    rows: [...rows, ["total", total] as const].map(([name, bytes]) => [
      name,
      bytes,
      100 * bytes / total,
    ]),
  };
}

function layersTable(projections: DeltaInspection["projections"]): Table {
  const number = (name: string) => ({ name, significant: SIGNIFICANT });
  return {
    title: "Linear layers",
    columns: [
      ...["Projection", "Layers", "Shape [out, in]", "Stored as"].map((name) => ({ name })),
      { name: "Bits a weight", digits: 6 },
      { name: "Scale" },
      ...["Least", "Median", "Largest"].map(number),
    ],
    rows: projections.flatMap(({ projection, layers, shapes, forms, bits, scales }) => {
      const sides = shapes.map((shape) => `[${shape.join(", ")}]`).join(", ");
      const stored = forms.map(({ role, terms }) => `${role}: ${describeTerms(terms)}`).join("; ");
      const first: Cell[] = [projection, layers, sides, stored, bits];
      const none: Cell[][] = [[null, null, null, null]];
      const ranges = scales.length === 0 ? none : scales.map(rangeCells);
      return ranges.map((range) => [...first, ...range]);
    }),
  };
}

function rangeCells({ part, min, median, max }: ScaleRange): Cell[] {
  return [part, min, median, max];
}

function describeTerms(terms: readonly Omit<Term, "parts">[]): string {
  return terms.map(({ codec, form }) => {
    const settings = Object.entries(form).map(([name, value]) => `${name} ${value}`).join(", ");
    return settings === "" ? codec : `${codec} (${settings})`;
  }).join(" + ");
}

function layerTable({ name, role, shape, terms, parts, scales }: LayerInspection): Table {
  const ranges = scales.map(({ part, numbers, min, median, max }) =>
    min === null ? `${part}: ${numbers} numbers` : `${part}: ${[min, median, max].join(", ")}`
  );
  const stored = terms.length === 0 ? "as it is" : describeTerms(terms);
  return {
    title: name,
    columns: ["Entry", "Type", "Shape", "Bytes"].map((name) => ({ name })),
    rows: parts.map(({ entry, dtype, shape, bytes }): Cell[] => [
      entry,
      dtype,
      `[${shape.join(", ")}]`,
      bytes,
    ]),
    note: `${role} of shape [${shape.join(", ")}], stored ${stored}.` +
      (ranges.length > 0 ? ` Least, median and largest of ${ranges.join("; ")}.` : ""),
  };
}

function checkpointTables(found: CheckpointInspection): Table[] {
  const { config, refusal, hash, files, tensors, extra, carried } = found;
  const sizes = Object.entries(config ?? {}).filter(([name]) => name !== "architecture");
  const tables = [
    quantities(`Checkpoint ${found.name}`, [
      ["Place", found.path],
      ["Architecture", found.architecture ?? "not named"],
      ...refusal === null ? [] : [["Cannot be used", refusal]],
      ...sizes.map(([name, value]) => [name, settingText(value)]),
      ["Parameters", `${found.parameters}`],
      ["Bytes of weights", `${found.bytes}`],
      ["Files beside the weights", carried.length > 0 ? carried.join(", ") : "none"],
      ...hash === null ? [] : [["Hash, every byte read", hash]],
    ]),
    {
      title: "Files of weights",
      columns: ["File", "Bytes", "Tensors"].map((name) => ({ name })),
      rows: files.map(({ name, bytes, tensors }): Cell[] => [name, bytes, tensors]),
    },
    countsTable("Tensors", tensors),
  ];
  if (extra.length > 0) {
    tables.push(listTable("Tensors that the model does not use", extra));
  }
  return tables;
}

function settingText(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : `${value}`;
}

function fileTables(found: TensorFileInspection): Table[] {
  return [
    quantities(`File ${found.path}`, [
      ["Bytes", `${found.bytes}`],
      ["Bytes of the header", `${found.headerBytes}`],
      ["Parameters", `${found.parameters}`],
      ...Object.entries(found.metadata),
    ]),
    countsTable("Tensors", found.tensors),
  ];
}

function quantities(title: string, rows: readonly (readonly string[])[]): Table {
  return { title, columns: [{ name: "Quantity" }, { name: "Value" }], rows };
}

function countsTable(title: string, counts: readonly TensorCount[]): Table {
  return {
    title,
    columns: ["Kind", "Tensors", "Shapes", "Types", "Parameters", "Bytes"].map((name) => ({
      name,
    })),
    rows: counts.map(({ kind, tensors, shapes, dtypes, parameters, bytes }): Cell[] => [
      kind,
      tensors,
      shapes.slice(0, LISTED).map((shape) => `[${shape.join(", ")}]`).join(", "),
      dtypes.join(", "),
      parameters,
      bytes,
    ]),
  };
}

function listTable(title: string, tensors: CheckpointInspection["extra"]): Table {
  const left = tensors.length - LISTED;
  return {
    title,
    columns: ["Tensor", "Type", "Shape"].map((name) => ({ name })),
    rows: tensors.slice(0, LISTED).map(({ name, dtype, shape }): Cell[] => [
      name,
      dtype,
      `[${shape.join(", ")}]`,
    ]),
    ...(left > 0 ? { note: `And ${left} more.` } : {}),
  };
}

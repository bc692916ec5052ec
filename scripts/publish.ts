/**
 * Publishes a delta's file or a saved model on the Hugging Face Hub, with its card: lists what it will send, and
 * sends what is not there yet, in one commit.
 */

import {
  formatBytes,
  planPublication,
  type Publication,
  publish,
  type PublishedFiles,
  publishedFiles,
} from "../lib/mod.ts";
import { runScript, script } from "./command_line.ts";

interface Options {
  to: string;
  revision: string;
  private?: boolean;
  message?: string;
  card?: string;
  force?: boolean;
  dryRun?: boolean;
}

const command = script("publish", "Publishes a delta or a saved model on the Hugging Face Hub.")
  .argument("<source>", "a delta's file, or the folder of a saved model or a LoRA adapter")
  .requiredOption("--to <name>", "owner/name of the repository, which is made if it is not there")
  .option("--revision <branch>", "the branch, which is made if it is not there", "main")
  .option("--private", "make the repository for those alone who may see it")
  .option("--message <text>", "first line of the commit; default: which files it adds")
  .option(
    "--card <file>",
    "a model card to publish as README.md; default: the folder's own, or what the delta says of itself",
  )
  .option("--force", "put files in the place of others")
  .option("--dry-run", "say what would be sent, and send nothing")
  .addHelpText(
    "after",
    "\nHF_TOKEN, or the file that HF_TOKEN_PATH names, holds a token that may write; HF_ENDPOINT " +
      "names another Hub.",
  );

const WORDS = { same: "there already", new: "new", other: "in the place of other content" };

await runScript<Options>(command, async (options, watch) => {
  const [source] = command.args;
  const { to, revision, message, card, force, dryRun } = options;
  const found = await publishedFiles(source, { card, ...watch });
  const publication = await planPublication(found.files, to, revision, watch);
  const list = listOf(publication, found);
  if (dryRun) return list;
  console.log(list);
  const isPrivate = options.private ? true : undefined;
  const { page, commit, sent, isNew } = await publish(publication, {
    ...watch,
    message,
    force,
    isPrivate,
  });
  return [
    ["repository", `${page}${isNew ? ", made for this" : ""}`],
    ["commit", commit ?? "none"],
    [
      "sent",
      sent.files === 0
        ? "nothing: all is there"
        : `${sent.files} ${sent.files === 1 ? "file" : "files"}, ${formatBytes(sent.bytes)}`,
    ],
  ].map(([name, value]) => `${name.padEnd(12)}${value}`).join("\n");
}, "nothing was committed; the same command sends what is not there yet");

function listOf({ files }: Publication, { left }: PublishedFiles): string {
  const lines = files.map(({ path, size, change }) =>
    `${formatBytes(size).padStart(10)}  ${path}  (${WORDS[change]})`
  );
  const others = left.length === 0 ? [] : [`not sent: ${left.join(", ")}`];
  return [...lines, ...others].join("\n");
}

/** A thread of a team: it waits for steps without using a processor, does its share of each, and waits again. */

import { receiveMessageOnPort, workerData } from "node:worker_threads";
import { doItems, Instances, type Message, WORD, type WorkerStart } from "./control.ts";

const { control, thread, port } = workerData as WorkerStart;
const { words } = control;
const instances = new Instances();
let step = 0;
let messages = 0;

while (!words[WORD.ended]) {
  Atomics.wait(words, WORD.step, step);
  step = Atomics.load(words, WORD.step);
  Atomics.add(words, WORD.active, 1);
  try {
    if (Atomics.load(words, WORD.open)) takePart();
  } catch (error) {
    tell(error);
  }
  if (Atomics.sub(words, WORD.active, 1) === 1) Atomics.notify(words, WORD.active);
}
port.close();

function takePart(): void {
  for (; messages < words[WORD.messages]; messages++) {
    instances.take(receiveMessageOnPort(port)!.message as Message);
  }
  const more = doItems(control, instances, thread);
  while (more());
}

/** Of several errors the first is told, and nobody begins anything else. */
function tell(error: unknown): void {
  Atomics.store(words, WORD.next, words[WORD.items]);
  if (Atomics.compareExchange(words, WORD.failed, 0, 1) !== 0) return;
  const bytes = new TextEncoder().encode(String(error)).subarray(0, control.text.length);
  control.text.set(bytes);
  Atomics.store(words, WORD.text, bytes.length);
}

/** What programs of the CPU are fed with, checked against the inputs. */

import { elementCount } from "../../checkpoint/tensor.ts";
import type { Feed } from "../../graph/engine.ts";
import type { ElementType, Numbers, Value } from "../../graph/graph.ts";
import { GraphError } from "../../util/errors.ts";
import { hostFeed, StoredNumbers } from "./placed.ts";

/**
 * The numbers that an input is fed with.
 *
 * @throws {GraphError} if there are none, or others than the input takes.
 */
export function fitting(
  name: string,
  value: Value,
  feed: Feed | undefined,
): Numbers | StoredNumbers {
  const numbers = feed && hostFeed(feed);
  const type = numbers && typeOf(numbers);
  if (numbers && type === value.type && numbers.length === elementCount(value.shape)) {
    return numbers;
  }
  throw new GraphError({
    problem: `input '${name}' does not fit`,
    value: numbers ? `${type}[${numbers.length}]` : "nothing",
    expected: `${value.type}[${value.shape}]`,
  });
}

function typeOf(numbers: Numbers | StoredNumbers): ElementType {
  if (numbers instanceof StoredNumbers) return numbers.type;
  return numbers instanceof Int32Array ? "i32" : "f32";
}

/**
 * What `@huggingface/hub` fetches with: it knows neither attempts nor where a token may go, and takes any page
 * for JSON. Its answers are read whole here, so that one that is cut is asked for again.
 */

import { HubError } from "../../util/errors.ts";
import { withinTime } from "../../util/within_time.ts";
import { formatHubName } from "./hub_name.ts";
import { type HubPlace, refusal } from "./refusals.ts";
import { type Asked, askOnce, attempts, CutError } from "./request.ts";
import type { HubSettings } from "./settings.ts";

/** Most bytes of an answer that is no file. */
const MOST_BYTES = 64 * 2 ** 20;

/** Most questions about one place: pages of a listing that go on beyond have no end. */
const MOST_QUESTIONS = 1000;

/**
 * A `fetch` for the Hub's own questions about a place.
 *
 * @returns a function that throws {@linkcode HubError} for whatever is no JSON with status 2xx.
 */
export function hubFetch(
  settings: HubSettings,
  place: HubPlace,
  signal?: AbortSignal,
): typeof fetch {
  let questions = 0;
  return async (input, init = {}) => {
    if (++questions > MOST_QUESTIONS) {
      throw new HubError({
        problem: "the listing has no end",
        file: formatHubName(place),
        expected: `at most ${MOST_QUESTIONS} pages`,
      });
    }
    const url = new URL(input instanceof Request ? input.url : input);
    const { Authorization: _, ...headers } = init.headers as Record<string, string> ?? {};
    const body = init.body as string | undefined;
    const asked = { shown: formatHubName(place), method: init.method, headers, body, signal };
    return await attempts(settings, asked, () => answer(settings, url, place, asked));
  };
}

async function answer(
  settings: HubSettings,
  url: URL,
  place: HubPlace,
  asked: Asked,
): Promise<Response> {
  const { response } = await askOnce(settings, url, asked);
  if (!response.ok) {
    await response.body?.cancel();
    throw refusal(settings, place, response);
  }
  const text = await wholeText(response, settings, asked);
  try {
    JSON.parse(text);
  } catch {
    throw new HubError({
      problem: "the answer is no JSON",
      file: asked.shown,
      value: response.headers.get("Content-Type") ?? "no type",
      expected:
        `the Hub's own answer: HF_ENDPOINT is ${settings.endpoint}, or a network that asks ` +
        "for a login stands between",
    });
  }
  return new Response(text, { status: response.status, headers: response.headers });
}

async function wholeText(
  response: Response,
  settings: HubSettings,
  { shown, signal }: Asked,
): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (reader) {
    const { value, done } = await withinTime(
      () => reader.read(),
      settings.silence,
      () => new CutError("the connection is cut"),
      signal,
    );
    if (done) break;
    text += value;
    if (text.length <= MOST_BYTES) continue;
    await reader.cancel();
    throw new HubError({
      problem: "the answer is too long",
      file: shown,
      expected: `at most ${MOST_BYTES} characters`,
    });
  }
  return text;
}

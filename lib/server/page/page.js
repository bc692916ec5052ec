/**
 * The page of a server: two models answer one prompt side by side, by the same streaming API that any client
 * uses. Not here: anything that a client of the API could not do; `kl_against` asks for the divergence of each
 * token's distribution from that of the other model, which the server computes.
 */

/**
 * @typedef {{ id: string, parent?: string | null, bits?: number, bytes?: number, method?: string }} Model
 */

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** @param {string} id */
const field = (id) => /** @type {HTMLInputElement} */ (byId(id));

/** One of the two answers: the model that was picked, its text so far and what is measured of it. */
class Answer {
  /** @param {string} title */
  constructor(title) {
    const template = /** @type {HTMLTemplateElement} */ (byId("answer"));
    const section =
      /** @type {HTMLElement} */ (document.importNode(template.content, true).firstElementChild);
    this.select = /** @type {HTMLSelectElement} */ (section.querySelector("select"));
    this.facts = /** @type {HTMLElement} */ (section.querySelector(".facts"));
    this.text = /** @type {HTMLElement} */ (section.querySelector(".text"));
    this.section = section;
    this.select.id = `model-${title}`;
    const label = /** @type {HTMLLabelElement} */ (section.querySelector("label"));
    label.htmlFor = this.select.id;
    label.textContent = `Model ${title}`;
    section.setAttribute("aria-label", `Answer ${title}`);
    this.text.setAttribute("aria-label", `Text of answer ${title}`);
    this.select.addEventListener("change", () => this.describe());
    byId("answers").append(section);
    /** @type {readonly Model[]} */
    this.models = [];
  }

  /**
   * @param {readonly Model[]} models
   * @param {number} chosen
   */
  offer(models, chosen) {
    this.models = models;
    this.select.replaceChildren(...models.map(({ id }) => new Option(id, id)));
    this.select.selectedIndex = Math.min(chosen, models.length - 1);
    this.describe();
  }

  describe() {
    const model = this.models.find(({ id }) => id === this.select.value);
    if (!model) return;
    const { parent, bits, bytes, method } = model;
    const facts = parent
      ? [
        `on ${parent}`,
        method,
        bits === undefined ? null : `${bits.toFixed(2)} bits a weight`,
        bytes === undefined ? null : `${(bytes / 1e6).toPrecision(3)} MB`,
      ]
      : ["the base"];
    this.facts.textContent = facts.filter(Boolean).join(", ");
  }

  /** @param {Record<string, string>} facts */
  show(facts) {
    for (const [name, value] of Object.entries(facts)) {
      const place = this.section.querySelector(`[data-fact="${name}"]`);
      if (place) place.textContent = value;
    }
  }

  /** @param {string} prompt that a completion goes on with; empty for a chat's */
  clear(prompt) {
    const before = document.createElement("span");
    before.className = "prompt";
    before.textContent = prompt;
    this.text.replaceChildren(before, document.createTextNode(""));
    this.show({ tokens: "–", first: "–", speed: "–", kl: "–", end: "–" });
  }

  /**
   * Streams one answer until it ends.
   *
   * @param {{ readonly form: string, readonly prompt: string, readonly body: Record<string, unknown>, readonly against: string }} question
   * @param {AbortSignal} signal
   */
  async stream({ form, prompt, body, against }, signal) {
    this.clear(form === "chat" ? "" : prompt);
    const text = /** @type {Text} */ (this.text.lastChild);
    const started = performance.now();
    let first = 0;
    let tokens = 0;
    let sum = 0;
    let compared = 0;
    const asked = form === "chat" ? { messages: [{ role: "user", content: prompt }] } : { prompt };
    const other = against === this.select.value ? {} : { kl_against: against };
    const request = { ...body, ...asked, ...other, model: this.select.value, stream: true };
    const path = form === "chat" ? "chat/completions" : "completions";
    for await (const piece of pieces(await post(`v1/${path}`, request, signal))) {
      const now = performance.now();
      if (piece.kl !== null) {
        sum += piece.kl;
        compared++;
      }
      if (tokens === 0 && piece.tokens > 0) first = now;
      tokens += piece.tokens;
      if (piece.text !== "") {
        const follows = this.text.scrollTop + this.text.clientHeight > this.text.scrollHeight - 8;
        text.appendData(piece.text);
        if (follows) this.text.scrollTop = this.text.scrollHeight;
      }
      const seconds = (now - first) / 1000;
      this.show({
        tokens: String(tokens),
        first: tokens > 0 ? `${Math.round(first - started)} ms` : "–",
        speed: tokens > 1 && seconds > 0 ? ((tokens - 1) / seconds).toFixed(1) : "–",
        kl: compared > 0 ? (sum / compared).toFixed(4) : "–",
        ...piece.end === null ? {} : { end: piece.end },
      });
    }
  }
}

/** @returns {Record<string, string>} */
function headers() {
  const key = field("key").value;
  return { "content-type": "application/json", ...key ? { authorization: `Bearer ${key}` } : {} };
}

/**
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} signal
 */
async function post(path, body, signal) {
  const init = { method: "POST", headers: headers(), body: JSON.stringify(body), signal };
  return await answered(await fetch(path, init));
}

/** @param {Response} response */
async function answered(response) {
  if (response.status === 401) byId("key-field").hidden = false;
  if (response.ok) return response;
  const told = await response.json().catch(() => null);
  throw new Error(told?.error?.message ?? `the server answers ${response.status}`);
}

/**
 * The events of a stream, as the API sends them: lines of `data: JSON`, and `[DONE]` at the end.
 *
 * @param {Response} response
 */
async function* pieces(response) {
  const body = /** @type {ReadableStream<BufferSource>} */ (response.body);
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = /** @type {string} */ (lines.pop());
    for (const line of lines) {
      if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
      const event = JSON.parse(line.slice("data: ".length));
      if (event.error) throw new Error(event.error.message);
      const choice = event.choices?.[0];
      if (!choice) continue;
      const text = choice.delta?.content ?? choice.text ?? "";
      const end = choice.finish_reason ?? null;
      // Half a character is a token without text.
      yield { text, end, kl: choice.kl ?? null, tokens: choice.token_ids?.length ?? 0 };
    }
  }
}

const left = new Answer("A");
const right = new Answer("B");
/** @type {AbortController | null} */
let running = null;

/** @param {string} text */
function tell(text) {
  byId("fault").textContent = text;
}

async function offerModels() {
  const response = await answered(await fetch("v1/models", { headers: headers() }));
  /** @type {{ data: Model[] }} */
  const { data } = await response.json();
  const tenants = data.filter(({ parent }) => parent);
  const base = data.filter(({ parent }) => !parent);
  const models = [...tenants, ...base];
  left.offer(models, 0);
  right.offer(models, 1);
  const count = `${tenants.length} fine-tune${tenants.length === 1 ? "" : "s"}`;
  byId("served").textContent = `${count} on ${base.map(({ id }) => id).join(", ")}`;
}

async function generate() {
  if (running) return;
  tell("");
  running = new AbortController();
  const { signal } = running;
  /** @type {HTMLButtonElement} */ (byId("generate")).disabled = true;
  /** @type {HTMLButtonElement} */ (byId("stop")).disabled = false;
  const body = {
    max_tokens: Number(field("limit").value),
    temperature: Number(field("temperature").value),
    seed: Number(field("seed").value),
    return_token_ids: true,
  };
  const question = { form: field("form").value, prompt: field("prompt").value, body };
  const ends = await Promise.allSettled([
    left.stream({ ...question, against: right.select.value }, signal),
    right.stream({ ...question, against: left.select.value }, signal),
  ]);
  const faults = new Set();
  for (const [at, end] of ends.entries()) {
    if (end.status === "fulfilled") continue;
    const isStopped = end.reason.name === "AbortError";
    [left, right][at].show({ end: isStopped ? "you" : "an error" });
    faults.add(isStopped ? "Stopped." : end.reason.message);
  }
  tell([...faults].join(" "));
  running = null;
  /** @type {HTMLButtonElement} */ (byId("generate")).disabled = false;
  /** @type {HTMLButtonElement} */ (byId("stop")).disabled = true;
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  void generate();
});
byId("stop").addEventListener("click", () => running?.abort());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") running?.abort();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    /** @type {HTMLFormElement} */ (byId("ask")).requestSubmit();
  }
});
field("key").addEventListener(
  "change",
  () => offerModels().then(() => tell(""), ({ message }) => tell(message)),
);
offerModels().catch(({ message }) => {
  byId("served").textContent = "";
  tell(message);
});

/**
 * Requests of many tenants on one model, together: those that run go on by a token a turn, in one step for all of
 * them, and at most one piece of one prompt is run beside them, so that a long prompt stalls nobody. Whose turn it is
 * says `turn_order.ts`, who gets room `admission.ts`, what an answer is `active_request.ts`. Not here: HTTP.
 */

import type { BatchModel } from "../model/serving/batch_model.ts";
import { ActiveRequest } from "./active_request.ts";
import { Admission } from "./admission.ts";
import { checkRequest } from "./check_request.ts";
import type { Clock } from "./clock.ts";
import { COST, FairShare } from "./fair_share.ts";
import { Pace } from "./pace.ts";
import { DeadlineError, draining, unknownTenant } from "./refusals.ts";
import type {
  Answer,
  FinishReason,
  RequestRecord,
  RequestTaker,
  SchedulerStatistics,
  ServingRequest,
} from "./request.ts";
import { completeOptions, type SchedulerOptions } from "./scheduler_options.ts";
import { Tally } from "./tally.ts";

import { nextPrompt, nextRows } from "./turn_order.ts";
import { watchRequest } from "./watch_request.ts";

/**
 * Runs requests until they are done. Dispose of it to end what is left; the model stays its giver's.
 *
 * @example
 * ```ts
 * import {
 *   Checkpoint,
 *   completeSampling,
 *   onnxEngine,
 *   projectPath,
 *   Scheduler,
 *   TenantModel,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * await using model = await TenantModel.open(onnxEngine(), base, { longest: 64 });
 * await using scheduler = new Scheduler(model);
 * const answer = scheduler.submit({
 *   ...{ tenant: null, prompt: Int32Array.of(1, 5), mostTokens: 3, decoder: null },
 *   sampling: completeSampling({ temperature: 0 }, model.config.vocabularySize),
 *   stops: { strings: [], tokens: [] },
 * });
 * const tokens: number[] = [];
 * for await (const event of answer) if (event.kind === "token") tokens.push(event.token);
 * assert.equal(tokens.length, 3);
 * ```
 */
export class Scheduler implements RequestTaker, AsyncDisposable {
  readonly #model: BatchModel;
  readonly #options: Required<SchedulerOptions>;
  readonly #clock: Clock;
  readonly #allTokens: number;
  readonly #share = new FairShare();
  readonly #admission: Admission;
  readonly #pace = new Pace();
  readonly #tally = new Tally();
  readonly #over = new AbortController();
  /** What takes back what a request waits for. */
  readonly #watches = new Map<ActiveRequest, () => void>();
  #whenEmpty = Promise.withResolvers<void>();
  #isDraining = false;
  #rowsRun = 0;
  #loop: Promise<void> = Promise.resolve();
  #isLooping = false;
  #isAwake = false;

  /** On a model that nobody else runs. */
  constructor(model: BatchModel, options: SchedulerOptions = {}) {
    this.#model = model;
    this.#options = completeOptions(options, model.mostRows);
    this.#clock = this.#options.clock;
    this.#allTokens = model.freeTokens;
    this.#admission = new Admission({
      ...this.#options,
      ...{ model, share: this.#share },
      failed: (request, error) => this.#fail(request, error),
      wake: () => this.#wake(),
    });
    this.#options.tenants?.onChange(() => this.#tenantsChanged(), this.#over.signal);
  }

  submit(request: ServingRequest): Answer {
    request.signal?.throwIfAborted();
    if (this.#isDraining) throw draining();
    checkRequest(request, this.#model);
    if (!this.#isKnown(request.tenant)) throw unknownTenant(request.tenant);
    const active: ActiveRequest = new ActiveRequest(request, this.#clock.now(), {
      taken: () => this.#taken(active),
      left: () => this.#end(active, "cancelled"),
    });
    const late = this.#admission.makePlace(request.tenant, this.#pace);
    if (late !== null) this.#fail(late.request, late.error);
    const forget = watchRequest(request, this.#clock, {
      aborted: (reason) => this.#end(active, "cancelled", () => active.stream.fail(reason, true)),
      firstIsLate: () => active.firstToken ?? this.#late(active),
      isLate: () => this.#late(active),
    });
    this.#watches.set(active, forget);
    this.#share.enter(active.tenant);
    this.#admission.add(active);
    this.#wake();
    return active.stream;
  }

  statistics(): SchedulerStatistics {
    const roomUsed = 1 - this.#model.freeTokens / Math.max(1, this.#allTokens);
    return this.#tally.statistics(this.#admission, roomUsed);
  }

  async drain(milliseconds = Infinity): Promise<void> {
    this.#isDraining = true;
    this.#checkEmpty();
    const forget = this.#clock.after(milliseconds, () => this.#endAll());
    await this.#whenEmpty.promise;
    await this.#loop;
    forget();
  }

  /** Ends all requests, those with tokens by what they have. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDraining = true;
    this.#endAll();
    this.#over.abort();
    await this.#loop;
  }

  #isKnown(tenant: string | null): boolean {
    if (tenant === null) return true;
    const standing = this.#options.tenants?.tenant(tenant) ?? null;
    return standing !== null && standing.state !== "leaving";
  }

  #wake(): void {
    this.#isAwake = true;
    if (this.#isLooping) return;
    this.#isLooping = true;
    this.#loop = this.#run();
  }

  async #run(): Promise<void> {
    // Requests that are made together begin together.
    await this.#clock.breathe();
    while (this.#isAwake) {
      this.#isAwake = false;
      while (await this.#takeTurn());
    }
    this.#isLooping = false;
  }

  /** Gives `false` when nothing can be run. */
  async #takeTurn(): Promise<boolean> {
    this.#admission.admit();
    const rows = nextRows(this.#admission.running, this.#share, this.#model.mostRows);
    if (rows.length > 0) {
      for (const row of rows) row.lastRun = ++this.#rowsRun;
      await this.#step(rows, () => this.#model.decode(rows.map((row) => row.nextToken())));
      this.#admission.admit();
    }
    const prompt = nextPrompt(this.#admission.running, this.#share);
    if (prompt === undefined) return rows.length > 0;
    const { sequence, tokens, isLast } = prompt.nextChunk(this.#model.chunk);
    // What was put back and begins again costs its tenant nothing.
    if (prompt.firstToken === null) {
      this.#share.charge(prompt.tenant, COST.prompt * tokens.length);
      this.#tally.prompt(prompt.tenant, tokens.length);
    }
    await this.#step([prompt], async () => [await this.#model.prefill(sequence, tokens, isLast)]);
    return true;
  }

  /** Runs a step of some requests; if it fails, they fail and no others. */
  async #step(requests: ActiveRequest[], run: () => Promise<Float32Array[]>): Promise<void> {
    for (const request of requests) request.isBusy = true;
    let outcome: { logits: Float32Array[] } | { error: unknown };
    try {
      outcome = { logits: await run() };
      await this.#clock.breathe();
    } catch (error) {
      outcome = { error };
    }
    for (const request of requests) {
      request.isBusy = false;
      // It was ended meanwhile.
      if (request.ended !== null) request.letGo();
    }
    for (const [index, request] of requests.entries()) {
      if (request.ended !== null) continue;
      if ("error" in outcome) this.#fail(request, outcome.error);
      else this.#advance(request, outcome.logits[index]);
    }
    this.#admission.open();
  }

  /** A step has given a request its logits. */
  #advance(request: ActiveRequest, logits: Float32Array): void {
    if (!request.isDecoding || !request.isAwaited) return;
    let reason: FinishReason | null;
    try {
      reason = request.choose(logits);
    } catch (error) {
      return this.#fail(request, error);
    }
    const now = this.#clock.now();
    const { tenant, arrived, firstToken, lastToken } = request;
    request.lastToken = now;
    this.#share.charge(tenant, COST.answer);
    this.#tally.token(tenant);
    if (firstToken === null) {
      request.firstToken = now;
      this.#options.listener.firstToken?.(tenant, now - arrived);
    } else this.#options.listener.nextToken?.(tenant, now - lastToken!);
    if (reason !== null) this.#finish(request, reason);
    else if (request.stream.unread >= this.#options.mostUnread) this.#wait(request);
  }

  /** Waits for a reader, from its last sign of life on. */
  #wait(request: ActiveRequest): void {
    const end = () => this.#finish(request, "unread");
    request.patience = this.#clock.after(this.#options.patience, end);
  }

  /** The reader has taken an event. */
  #taken(request: ActiveRequest): void {
    if (request.patience === null || request.ended !== null) return;
    request.patience();
    if (request.stream.unread > this.#options.mostUnread / 2) return this.#wait(request);
    request.patience = null;
    this.#admission.resume(request);
    this.#wake();
  }

  #finish(request: ActiveRequest, reason: FinishReason): void {
    this.#end(request, reason, () => request.finish(reason));
  }

  #fail(request: ActiveRequest, error: unknown): void {
    const outcome = error instanceof DeadlineError ? "deadline" : "failed";
    this.#end(request, outcome, () => request.stream.fail(error));
  }

  /** The time of a request is over. */
  #late(request: ActiveRequest): void {
    if (request.firstToken !== null) {
      return this.#finish(request, "deadline");
    }
    const expected = "more time, or fewer requests";
    this.#fail(request, new DeadlineError({ problem: "no token came within the time", expected }));
  }

  #endAll(): void {
    for (const request of this.#admission.all()) {
      if (request.firstToken === null) this.#fail(request, draining());
      else this.#finish(request, "deadline");
    }
  }

  /** @param tell what the reader is told; gives the reason where it is another than was thought. */
  #end(
    request: ActiveRequest,
    outcome: RequestRecord["outcome"],
    tell: () => RequestRecord["outcome"] | void = () => {},
  ): void {
    if (request.ended !== null) return;
    request.ended = this.#clock.now();
    this.#watches.get(request)!();
    this.#watches.delete(request);
    request.patience?.();
    this.#admission.remove(request);
    if (this.#admission.count(request.tenant) === 0) this.#share.leave(request.tenant);
    if (request.started !== null) this.#pace.ended(request.ended);
    const told = tell() ?? outcome;
    this.#options.listener.ended?.(request.record(told));
    this.#checkEmpty();
    this.#wake();
  }

  #checkEmpty(): void {
    if (this.#isDraining && this.#admission.all().length === 0) this.#whenEmpty.resolve();
  }

  #tenantsChanged(): void {
    const { waiting } = this.#admission;
    for (const tenant of waiting.tenants()) {
      if (this.#isKnown(tenant)) continue;
      for (const request of waiting.all(tenant)) this.#fail(request, unknownTenant(tenant));
    }
    this.#admission.open();
    this.#wake();
  }
}

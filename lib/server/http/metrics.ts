/**
 * Numbers of a running server for Prometheus: under vLLM's names where vLLM has them (`docs/design/metrics.md` of
 * vllm-project/vllm), and those of residency under ours.
 */

import type { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { RequestRecord, RequestTaker, ServingListener } from "../request.ts";
import type { TenantDirectory, TenantStanding } from "../tenant_directory.ts";

/** Seconds, one, two and five of each decade. */
const SECONDS = [.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 20, 50, 100, 200, 500];
const TOKENS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000];

/** Of what numbers are told. */
export interface Measured {
  readonly taker: Pick<RequestTaker, "statistics">;
  readonly tenants: Pick<TenantDirectory, "tenants">;
}

/** Counts, as a scheduler's listener, and tells. */
export class ServerMetrics implements ServingListener {
  readonly #registry: Registry;
  readonly #base: string;
  readonly #counters: Record<"prompt" | "generation" | "success" | "http", Counter>;
  readonly #histograms: Record<
    "prompt" | "generation" | "first" | "next" | "total" | "queue",
    Histogram
  >;

  private constructor({ Registry, Counter, Histogram, Gauge }: Prometheus, base: string) {
    const registry = new Registry();
    const registers = [registry];
    const ofModel = ["model_name"];
    const counter = (name: string, help: string, labelNames = ofModel) =>
      new Counter({ name, help, labelNames, registers });
    const histogram = (name: string, help: string, buckets = SECONDS) =>
      new Histogram({ name, help, labelNames: ofModel, buckets, registers });
    this.#registry = registry;
    this.#base = base;
    this.#counters = {
      prompt: counter("vllm:prompt_tokens_total", "Tokens of prompts of requests that ended."),
      generation: counter("vllm:generation_tokens_total", "Tokens of answers that ended."),
      success: counter("vllm:request_success_total", "Requests that ended, by why.", [
        ...ofModel,
        "finished_reason",
      ]),
      http: counter("http_requests_total", "Answers over HTTP.", ["handler", "method", "status"]),
    };
    this.#histograms = {
      prompt: histogram("vllm:request_prompt_tokens", "Tokens of a prompt.", TOKENS),
      generation: histogram("vllm:request_generation_tokens", "Tokens of an answer.", TOKENS),
      first: histogram("vllm:time_to_first_token_seconds", "From request to first token."),
      next: histogram("vllm:inter_token_latency_seconds", "From a token to the next."),
      total: histogram("vllm:e2e_request_latency_seconds", "From request to its end."),
      queue: histogram("vllm:request_queue_time_seconds", "From request to its first turn."),
    };
    this.#Gauge = Gauge;
  }

  readonly #Gauge: Prometheus["Gauge"];

  /** @param base the base's name. */
  static async open(base: string): Promise<ServerMetrics> {
    // Loaded with the first server: nothing else here needs it.
    return new ServerMetrics((await import("prom-client")).default, base);
  }

  /** From now on what these are doing is told too; once. */
  watch({ taker, tenants }: Measured): void {
    const gauge = (
      name: string,
      help: string,
      labelNames: readonly string[],
      set: (gauge: Gauge) => void,
    ) =>
      new this.#Gauge({
        name,
        help,
        labelNames,
        registers: [this.#registry],
        collect() {
          this.reset();
          set(this);
        },
      });
    const now = (name: string, help: string, of: "running" | "waiting" | "roomUsed") =>
      gauge(name, help, [], (it) => it.set(taker.statistics()[of]));
    now("vllm:num_requests_running", "Requests with a sequence.", "running");
    now("vllm:num_requests_waiting", "Requests that wait for their first turn.", "waiting");
    now("vllm:kv_cache_usage_perc", "Share of the KV cache that is in use, 0 to 1.", "roomUsed");
    const ofTenant = (name: string, help: string, value: (tenant: TenantStanding) => number) =>
      gauge(name, help, ["tenant"], (it) => {
        for (const each of tenants.tenants()) it.set({ tenant: each.name }, value(each));
      });
    const isLoaded = ({ state }: TenantStanding) => state === "loaded" || state === "leaving";
    ofTenant(
      "bitdelta:tenant_resident_bytes",
      "Bytes where the engine computes.",
      (each) => isLoaded(each) ? each.bytes ?? 0 : 0,
    );
    ofTenant("bitdelta:tenant_loaded", "1 while in memory.", (each) => Number(isLoaded(each)));
    ofTenant("bitdelta:tenant_pinned", "1 if it stays there.", (each) => Number(each.pinned));
    ofTenant("bitdelta:tenant_running", "Its requests that run.", ({ running }) => running);
  }

  /** Counts an answer of HTTP. */
  countResponse(handler: string, method: string, status: number): void {
    this.#counters.http.inc({ handler, method, status: `${Math.floor(status / 100)}xx` });
  }

  /** As {@linkcode ServingListener.firstToken}. */
  firstToken(tenant: string | null, milliseconds: number): void {
    this.#histograms.first.observe(this.#labels(tenant), milliseconds / 1000);
  }

  /** As {@linkcode ServingListener.nextToken}. */
  nextToken(tenant: string | null, milliseconds: number): void {
    this.#histograms.next.observe(this.#labels(tenant), milliseconds / 1000);
  }

  /** As {@linkcode ServingListener.ended}. */
  ended({ tenant, promptTokens, tokens, arrived, started, ended, outcome }: RequestRecord): void {
    const labels = this.#labels(tenant);
    this.#counters.prompt.inc(labels, promptTokens);
    this.#counters.generation.inc(labels, tokens);
    this.#counters.success.inc({ ...labels, finished_reason: outcome });
    this.#histograms.prompt.observe(labels, promptTokens);
    this.#histograms.generation.observe(labels, tokens);
    this.#histograms.total.observe(labels, (ended - arrived) / 1000);
    this.#histograms.queue.observe(labels, ((started ?? ended) - arrived) / 1000);
  }

  /** All of it, in Prometheus' text format. */
  async toResponse(): Promise<Response> {
    const headers = { "Content-Type": this.#registry.contentType };
    return new Response(await this.#registry.metrics(), { headers });
  }

  #labels(tenant: string | null): { model_name: string } {
    return { model_name: tenant ?? this.#base };
  }
}

type Prometheus = typeof import("prom-client");

// Which models there are, and how they do at present.

/** Error rates, in percent, from which a model is shown as one that fails at times or often. */
const SOME_ERRORS = 5;
const MANY_ERRORS = 20;
/** Fewer cases than these say nothing yet. */
const FEW_SAMPLES = 5;
/** How long what was read is good enough. */
const FRESH_MS = 60_000;

export const AUTO = {
  id: "auto", name: "Whoever answers best", isAuto: true, isLocal: false, context: null, providers: [], parameters: null,
};

/** The server wants a key to tell its models, or another one. */
export class KeyNeeded extends Error {}

export class Models {
  constructor() {
    this.all = [AUTO];
    this.health = new Map();
    this.readAt = 0;
  }

  /** Reads them anew, unless that was done a moment ago. */
  async refresh(key, isForced = false) {
    if (!isForced && Date.now() - this.readAt < FRESH_MS) return;
    const headers = key ? { authorization: `Bearer ${key}` } : {};
    const [list, health] = await Promise.all([
      fetch("/v1/models", { headers, credentials: "same-origin" }),
      // Without health every model is shown as one that nothing is known of.
      fetch("/api/health?range=24h", { credentials: "same-origin" }).catch(() => null),
    ]);
    if (list.status === 401 || list.status === 403) throw new KeyNeeded();
    if (!list.ok) throw new Error(`the list of models could not be read (${list.status})`);
    const { data } = await list.json();
    this.all = [AUTO, ...data.filter((one) => one.id !== AUTO.id).map(modelOf).sort(localFirst)];
    if (health?.ok) this.health = healthOf(await health.json());
    this.readAt = Date.now();
  }

  /** A model by its id; one that is not in the list is shown all the same. */
  named(id) {
    const key = id.toLowerCase();
    return this.all.find((one) => one.id.toLowerCase() === key)
      ?? { ...AUTO, id, name: id, isAuto: false, isUnknown: this.readAt > 0 };
  }

  /** `{state, words}` of a model: `good`, `some`, `bad` or `unknown`. */
  healthOf(model) {
    if (model.isAuto) return { state: "auto", words: "asks the best model first, then the next one" };
    if (model.isUnknown) return { state: "unknown", words: "not in this server's list" };
    const known = this.health.get(model.id.toLowerCase());
    if (!known || !(known.samples > 0)) {
      return { state: "unknown", words: model.isLocal ? "not asked in the last 24 hours" : "nothing known of the last 24 hours" };
    }
    const state = known.samples < FEW_SAMPLES ? "unknown"
      : known.errorRate < SOME_ERRORS ? "good" : known.errorRate < MANY_ERRORS ? "some" : "bad";
    const rate = known.errorRate.toLocaleString(undefined, { maximumFractionDigits: 1 });
    return { state, words: `${rate} % errors in 24 hours (n = ${known.samples.toLocaleString()})` };
  }

  /** Those whose name has all words of a search. */
  search(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return this.all.filter((model) => words.every((word) => model.haystack.includes(word)));
  }
}

AUTO.haystack = "auto whoever answers best";

function modelOf(json) {
  const providers = Array.isArray(json.providers) ? json.providers.map(String) : [];
  const isLocal = providers.includes("local");
  const name = String(json.name ?? json.id);
  return {
    id: String(json.id),
    name,
    isAuto: false,
    isLocal,
    context: Number.isFinite(json.context_length) ? json.context_length : null,
    providers,
    parameters: Array.isArray(json.supported_parameters) ? json.supported_parameters : null,
    haystack: `${json.id} ${name} ${providers.join(" ")} ${isLocal ? "runs here" : ""}`.toLowerCase(),
  };
}

const localFirst = (a, b) => Number(b.isLocal) - Number(a.isLocal) || a.id.localeCompare(b.id);

function healthOf(json) {
  const health = new Map();
  for (const issue of Array.isArray(json.issues) ? json.issues : []) {
    const id = String(issue.modelId).toLowerCase();
    const known = { errorRate: Number(issue.errorRate), samples: Number(issue.samples) };
    health.set(id, known);
    health.set(id.replace(/:free$/, ""), known);
  }
  return health;
}

/** 131,072 as "131k". */
export function contextWords(tokens) {
  if (tokens === null) return "context unknown";
  const short = tokens >= 1_000_000 ? `${Math.round(tokens / 100_000) / 10}M` : tokens >= 1000 ? `${Math.round(tokens / 1000)}k` : String(tokens);
  return `${short} context`;
}

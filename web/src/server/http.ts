/** Requests to the server that the page came from, and what goes wrong with them as the page's own kinds of errors. */

import { StudioError } from "../studio.ts";

type Kind = StudioError["key"];

const API = "api/v1/";
const TOKEN = "darklift-token";

/** By the kinds of problems that the server tells of (docs/reference/http-api.md). */
const KINDS: Record<string, Kind> = {
  "too-long": "too_large",
  "too-many-pixels": "too_large",
  "not-a-picture": "unsupported",
  unreadable: "unreadable",
  "out-of-memory": "out_of_memory",
  busy: "busy",
  "client-busy": "busy",
  stopping: "busy",
  timeout: "busy",
  "slow-upload": "offline",
  "no-token": "token",
  "wrong-choice": "internal",
  "bad-request": "internal",
};

/** What the server says of a request that it refuses. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
}

/** The server no longer has what was asked for: it has been stopped, or let it go to make room. */
export class Forgotten extends StudioError {
  constructor(detail: string) {
    super("server", { detail }, detail);
  }
}

export class Server {
  private readonly token: string | null;

  /** base: the address of the page. */
  constructor(private readonly base: URL = new URL(".", document.baseURI)) {
    this.token = takeToken();
  }

  /** A request to an address below api/v1. Rejects with an AbortError, or a StudioError. */
  async ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.token) headers.set("Authorization", `Bearer ${this.token}`);
    let answer: Response;
    try {
      answer = await fetch(new URL(API + path, this.base), { ...init, headers, cache: "no-store" });
    } catch (error) {
      init.signal?.throwIfAborted();
      throw new StudioError("offline", {}, String(error));
    }
    if (!answer.ok) throw await refusal(answer);
    return answer;
  }

  async json<T>(path: string, init: RequestInit = {}): Promise<T> {
    return (await (await this.ask(path, init)).json()) as T;
  }

  /** Like {@link ask}, but waits as long as the server says where it has too much to do, three times. */
  async askPatiently(path: string, init: RequestInit = {}): Promise<Response> {
    for (let left = 3; ; left--) {
      try {
        return await this.ask(path, init);
      } catch (error) {
        const seconds = error instanceof StudioError && error.key === "busy" ? Number(error.values.seconds) : 0;
        if (!seconds || !left) throw error;
        await pause(1000 * seconds, init.signal);
      }
    }
  }
}

/** What a problem document becomes for the page. */
export function studioError(problem: Problem, retryAfter = 0): StudioError {
  const kind = problem.type.split("#")[1] ?? "";
  if (kind === "not-found") return new Forgotten(problem.detail);
  const values: Record<string, string | number> = { detail: problem.detail };
  if (retryAfter) values.seconds = retryAfter;
  return new StudioError(KINDS[kind] ?? "server", values, problem.detail);
}

async function refusal(answer: Response): Promise<StudioError> {
  const title = answer.statusText || `HTTP ${answer.status}`;
  const unknown: Problem = { type: "", title, status: answer.status, detail: title };
  const isProblem = answer.headers.get("Content-Type")?.startsWith("application/problem+json");
  const problem = isProblem ? ((await answer.json()) as Problem) : unknown;
  return studioError(problem, Number(answer.headers.get("Retry-After") ?? 0));
}

/** From the address (…#token=…), which then forgets it; kept for a reload of this tab. */
function takeToken(): string | null {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(TOKEN, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return given ?? sessionStorage.getItem(TOKEN);
}

function pause(milliseconds: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

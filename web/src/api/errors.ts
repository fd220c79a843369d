// What a failed call looks like to the page: the server's own code and message, plus the request id to quote.

export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
    readonly requestId: string,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** True when no answer arrived at all: the only case that is retried without being asked. */
  get unreachable(): boolean {
    return this.status === 0;
  }
}

const CODE_OF_STATUS: Record<number, string> = {
  400: "invalid_argument",
  401: "unauthenticated",
  403: "permission_denied",
  404: "not_found",
  408: "deadline_exceeded",
  429: "resource_exhausted",
  501: "unimplemented",
  503: "unavailable",
  504: "deadline_exceeded",
};

/** Reads the error JSON of the server; anything else (a proxy's page) is shown shortened, as text. */
export function errorFromReply(status: number, requestId: string, body: string): ApiError {
  let code = CODE_OF_STATUS[status] ?? "unknown";
  let message = body.trim();
  try {
    const parsed = JSON.parse(body) as { code?: unknown; message?: unknown };
    if (typeof parsed.code === "string") code = parsed.code;
    if (typeof parsed.message === "string") message = parsed.message;
  } catch {
    message = message.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim().slice(0, 300);
  }
  return new ApiError(code, message || `HTTP status ${status}`, status, requestId);
}

/** One sentence on what the reader can do next; empty when there is nothing better than Retry. */
export function adviceFor(error: ApiError): string {
  if (error.unreachable) return "Trying again by itself.";
  switch (error.code) {
    case "resource_exhausted":
      return "A limit of this tenant was reached.";
    case "deadline_exceeded":
      return "A narrower time range or selector answers faster.";
    case "unauthenticated":
      return "Set a tenant (top right).";
    default:
      return "";
  }
}

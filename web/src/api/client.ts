// The transport: POST to a path relative to the page, tenant header, request id, errors as ApiError.

import { ApiError, errorFromReply } from "./errors.ts";

export interface CallOptions {
  tenant: string;
  signal?: AbortSignal;
}

export interface ReplyMeta {
  requestId: string;
  /** Wall time of the call as this page saw it. */
  elapsedMs: number;
}

const SERVICE = "querier.v1.QuerierService/";

async function post(
  method: string,
  contentType: string,
  accept: string,
  body: BodyInit,
  options: CallOptions,
): Promise<Response> {
  const headers: Record<string, string> = { "Content-Type": contentType, Accept: accept };
  if (options.tenant) headers["X-Scope-OrgID"] = options.tenant;
  let reply: Response;
  try {
    reply = await fetch(SERVICE + method, { method: "POST", headers, body, signal: options.signal });
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw new ApiError("unreachable", "The server does not answer.", 0, "");
  }
  if (!reply.ok) {
    const text = await reply.text().catch(() => "");
    throw errorFromReply(reply.status, reply.headers.get("X-Request-Id") ?? "", text);
  }
  return reply;
}

export async function callJson<T>(
  method: string,
  request: unknown,
  options: CallOptions,
  accept = "application/json",
): Promise<{ value: T; meta: ReplyMeta }> {
  const began = performance.now();
  const reply = await post(method, "application/json", accept, JSON.stringify(request), options);
  const requestId = reply.headers.get("X-Request-Id") ?? "";
  try {
    const value = (await reply.json()) as T;
    return { value, meta: { requestId, elapsedMs: performance.now() - began } };
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw new ApiError("data_loss", "The answer is not complete JSON.", reply.status, requestId);
  }
}

export async function callProto(method: string, request: Uint8Array, options: CallOptions): Promise<ArrayBuffer> {
  const type = "application/proto";
  const reply = await post(method, type, type, new Blob([request as BlobPart]), options);
  return reply.arrayBuffer();
}
